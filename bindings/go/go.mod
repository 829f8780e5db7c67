module github.com/h-dv/ixt/bindings/go

go 1.24
