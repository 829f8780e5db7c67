def sleepers(programs, folder, mib): return "none yet"
