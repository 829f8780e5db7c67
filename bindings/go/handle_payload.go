package sdk

/*
#include "ixt.h"

#cgo noescape ixt_handle_payload_encode
#cgo nocallback ixt_handle_payload_encode
#cgo noescape ixt_handle_payload_decode
#cgo nocallback ixt_handle_payload_decode
#cgo noescape ixt_handle_payload_accept
#cgo nocallback ixt_handle_payload_accept
*/
import "C"

import (
	"context"
	"errors"
)

// HandlePayload is a call in one message: who calls, what is asked, and with what. It is the one message of a
// unary stream, and its context is that of the stream's open, said again; the open's decides.
type HandlePayload struct {
	// Context is nil for the anonymous one.
	Context *InvocationContext
	// Method is 1 to 256 bytes of UTF-8 without NUL.
	Method string
	// Body is the application's. The whole message is one payload, so it is some hundred bytes less than the
	// largest payload at most.
	Body []byte
}

// anyPayload is as large as a payload may be anywhere: a connection holds each frame to what its ends agreed on.
const anyPayload = 1 << 28

// Encode gives the canonical bytes. It fails with [ErrBadMethod], [ErrBadText] for a method that is not text, and
// [ErrFrameTooLarge] where the whole is larger than a payload may be.
func (p *HandlePayload) Encode() ([]byte, error) { return Limits{}.EncodeHandlePayload(p) }

// DecodeHandlePayload decodes one whole message. Body is a piece of b; all else is copied.
func DecodeHandlePayload(b []byte) (*HandlePayload, error) { return Limits{}.DecodeHandlePayload(b) }

// EncodeHandlePayload is [HandlePayload.Encode] under these limits.
func (l Limits) EncodeHandlePayload(p *HandlePayload) ([]byte, error) {
	var context []byte
	if p.Context != nil {
		var err error
		if context, err = p.Context.Encode(); err != nil {
			return nil, err
		}
	}
	return encodeHandlePayload(context, p.Method, p.Body, l.MaxPayload())
}

// encodeHandlePayload does so with an encoded context.
func encodeHandlePayload(context []byte, method string, body []byte, most int) ([]byte, error) {
	if abi != nil {
		return nil, abi
	}
	// Table, root pointer and three pointers, a NUL, and what fills up two words.
	dst := make([]byte, len(context)+len(method)+len(body)+64)
	contextBytes, contextLength := slice(context)
	methodBytes, methodLength := text(method)
	bodyBytes, bodyLength := slice(body)
	out, capacity := slice(dst)
	var written C.size_t
	var e C.ixt_error_t
	status := C.ixt_handle_payload_encode(contextBytes, contextLength, methodBytes, methodLength, bodyBytes,
		bodyLength, C.size_t(most), out, capacity, &written, &e)
	if status != C.IXT_OK {
		return nil, refusal(status, &e)
	}
	return dst[:written], nil
}

// DecodeHandlePayload is the function of this name under these limits.
func (l Limits) DecodeHandlePayload(b []byte) (*HandlePayload, error) {
	if abi != nil {
		return nil, abi
	}
	var view C.ixt_handle_payload_t
	var room [C.IXT_MAX_CONTEXT]byte
	var written C.size_t
	var e C.ixt_error_t
	bytes, length := slice(b)
	out, capacity := slice(room[:])
	status := C.ixt_handle_payload_decode(bytes, length, C.size_t(l.MaxPayload()), &view, out, capacity, &written, &e)
	if status != C.IXT_OK {
		return nil, refusal(status, &e)
	}
	context, err := DecodeInvocationContext(room[:written])
	if err != nil {
		return nil, err
	}
	return &HandlePayload{context, string(cut(b, view.method)), cut(b, view.body)}, nil
}

// acceptHandlePayload decodes the message of a call, and refuses one that says another context than the open.
func acceptHandlePayload(b []byte, call *Call) (*HandlePayload, error) {
	var view C.ixt_handle_payload_t
	var e C.ixt_error_t
	bytes, length := slice(b)
	open, openLength := slice(call.encoded)
	status := C.ixt_handle_payload_accept(bytes, length, open, openLength, anyPayload, &view, &e)
	if status != C.IXT_OK {
		return nil, refusal(status, &e)
	}
	return &HandlePayload{call.Invocation(), string(cut(b, view.method)), cut(b, view.body)}, nil
}

// MessageFunc answers a call in one message; what it gives is the answer's body. The payload's context is the
// call's, shared and not to be changed; the body belongs to the handler.
type MessageFunc func(ctx context.Context, payload *HandlePayload) ([]byte, error)

// MessageHandler is a [Handler] of calls in one message, for whatever takes one: [Module.HandleModule],
// [Module.Subscribe], [Module.OpenEndpoint]. A message that is none, or says another context than its open, ends
// the call with [CodeInvalidArgument]; the handler does not see it.
func MessageHandler(handler MessageFunc) Handler { return unaryAsStream(messageAsUnary(handler)) }

func messageAsUnary(handler MessageFunc) UnaryHandler {
	return func(ctx context.Context, message []byte) ([]byte, error) {
		payload, err := acceptHandlePayload(message, CallOf(ctx))
		switch {
		case errors.Is(err, ErrInvalidArgument):
			return nil, Errorf(CodeInvalidArgument, "the message says another context than its open")
		case err != nil:
			return nil, Errorf(CodeInvalidArgument, "%v", err)
		}
		return handler(ctx, payload)
	}
}

// HandleMessage serves calls in one message under a service's name: unary calls, such as [Client.Message] makes.
func (m *Module) HandleMessage(name string, handler MessageFunc, options ...HandleOption) {
	m.HandleUnary(name, messageAsUnary(handler), options...)
}

// Message calls a service in one message: what is asked, and with what. It gives the answer's body. A method that
// is empty or longer than 256 bytes is [ErrBadMethod], before anything is sent.
func (c *Client) Message(ctx context.Context, service, method string, body []byte, options ...CallOption) ([]byte, error) {
	if method == "" {
		return nil, failure(ErrBadMethod, "method")
	}
	inOne := func(r *Request) { r.Method = method }
	return c.Unary(ctx, service, body, append([]CallOption{inOne}, options...)...)
}

// CorrelationID names the whole piece of work: a trace id. It and what follows are of [Call.Invocation].
func (c *Call) CorrelationID() CorrelationID { return c.Invocation().CorrelationID }

// SpanID names this call.
func (c *Call) SpanID() SpanID { return c.Invocation().SpanID }

// SourceModule is the module that calls.
func (c *Call) SourceModule() string { return c.Invocation().SourceModule }

// Actor is on whose behalf, and with which authority.
func (c *Call) Actor() ActorIdentity { return c.Invocation().Actor }

// Capabilities are the actor's.
func (c *Call) Capabilities() []string { return c.Invocation().Actor.Capabilities }

// DeadlineMS is until when, in milliseconds since the Unix epoch; 0 for no deadline.
func (c *Call) DeadlineMS() uint64 { return c.Invocation().DeadlineMS }

// Metadata is what else was sent along.
func (c *Call) Metadata() Metadata { return c.Invocation().Metadata }
