// Package sdk is Ixt for Go: modules that call each other, invocation contexts, and streams under credit.
//
// A [Module] connects to a host, serves what others call, and calls others by its [Client], in four kinds: unary
// calls, client, server and bidi streams ([Call]). docs/guides/go.md in the repository is the place to begin.
//
// What follows is below that, for programs with a transport of their own.
//
// An [InvocationContext] says who invokes what, with which authority, until when. A stream carries messages
// in frames ([StreamFrame]); the receiver grants credit, and nothing is sent without. [OpenStream] and
// [AcceptStream] give the two ends of one. Frames come and go as bytes: the transport hands the peer's frames
// to [StreamHandle.Feed], and a [FrameSink] takes those that leave. [Stream] is the engine below, for
// who routes or bridges frames.
//
// All rules are the C library's, which the package calls by cgo. No goroutine waits inside it, it calls
// nothing back, and it keeps no pointer of Go's. What holds an engine of the library is freed by its
// Release method or, later, by the garbage collector.
//
// Functions fail with [*Error], whose [ErrorKind] has the same name in every language, so that
//
//	errors.Is(err, sdk.ErrCreditExhausted)
//
// tells one from another.
package sdk
