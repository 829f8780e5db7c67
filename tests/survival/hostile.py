def hostile(programs, folder): return "none yet"
