// Package stream holds what capnpc-go makes of schemas/ipc_streaming.capnp: the frames of a stream
// (specification 23), for programs that use go-capnp. It checks none of the rules of specification 20;
// the package github.com/h-dv/ixt/bindings/go does.
package stream
