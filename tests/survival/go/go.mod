module github.com/h-dv/ixt/tests/survival/go

go 1.24

require github.com/h-dv/ixt/bindings/go v0.0.0

replace github.com/h-dv/ixt/bindings/go => ../../../bindings/go
