// Package module holds what capnpc-go makes of schemas/module.capnp: the invocation context
// (specification 21), for programs that use go-capnp. It checks none of the rules of specification 20;
// the package github.com/h-dv/ixt/bindings/go does.
package module
