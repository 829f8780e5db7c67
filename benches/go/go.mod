module github.com/h-dv/ixt/benches/go

go 1.24

require (
	capnproto.org/go/capnp/v3 v3.1.0-alpha.2
	github.com/h-dv/ixt/bindings/go v0.0.0
	github.com/h-dv/ixt/bindings/go/capnp v0.0.0
)

require (
	github.com/colega/zeropool v0.0.0-20230505084239-6fb4a4f75381 // indirect
	golang.org/x/sync v0.7.0 // indirect
)

replace (
	github.com/h-dv/ixt/bindings/go => ../../bindings/go
	github.com/h-dv/ixt/bindings/go/capnp => ../../bindings/go/capnp
)
