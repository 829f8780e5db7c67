package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
)

// Codec makes payloads of values, and values of payloads.
type Codec[T any] interface {
	// Append appends the payload to dst.
	Append(dst []byte, value T) ([]byte, error)
	// Decode reads a payload, which it may keep.
	Decode(payload []byte) (T, error)
}

// JSON is the codec of encoding/json.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

func (jsonCodec[T]) Append(dst []byte, value T) ([]byte, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return dst, err
	}
	return append(dst, encoded...), nil
}

func (jsonCodec[T]) Decode(payload []byte) (value T, err error) {
	err = json.Unmarshal(payload, &value)
	return value, err
}

// Bytes is the codec of payloads as they are.
func Bytes() Codec[[]byte] { return bytesCodec{} }

type bytesCodec struct{}

func (bytesCodec) Append(dst, value []byte) ([]byte, error) { return append(dst, value...), nil }

func (bytesCodec) Decode(payload []byte) ([]byte, error) { return payload, nil }

// Method is a service with the types of its messages. The caller and the provider share it:
//
//	var Thumb = sdk.Method[Picture, Image]{"thumbs", sdk.JSON[Picture](), sdk.JSON[Image]()}
type Method[Q, A any] struct {
	Service string
	Request Codec[Q]
	Answer  Codec[A]
}

// Unary calls the method.
func (m Method[Q, A]) Unary(ctx context.Context, c *Client, request Q, options ...CallOption) (answer A, err error) {
	payload, err := m.Request.Append(nil, request)
	if err != nil {
		return answer, err
	}
	if payload, err = c.Unary(ctx, m.Service, payload, options...); err != nil {
		return answer, err
	}
	return m.Answer.Decode(payload)
}

// ServerStream calls the method; the answers are received from the call.
func (m Method[Q, A]) ServerStream(ctx context.Context, c *Client, request Q, options ...CallOption) (*TypedCall[Q, A], error) {
	payload, err := m.Request.Append(nil, request)
	if err != nil {
		return nil, err
	}
	call, err := c.ServerStream(ctx, m.Service, payload, options...)
	return m.opened(call, err)
}

// ClientStream opens a call of the method; [TypedCall.CloseAndRecv] gives the answer.
func (m Method[Q, A]) ClientStream(ctx context.Context, c *Client, options ...CallOption) (*TypedCall[Q, A], error) {
	call, err := c.ClientStream(ctx, m.Service, options...)
	return m.opened(call, err)
}

// BidiStream opens a call of the method.
func (m Method[Q, A]) BidiStream(ctx context.Context, c *Client, options ...CallOption) (*TypedCall[Q, A], error) {
	call, err := c.BidiStream(ctx, m.Service, options...)
	return m.opened(call, err)
}

func (m Method[Q, A]) opened(call *Call, err error) (*TypedCall[Q, A], error) {
	if err != nil {
		return nil, err
	}
	return &TypedCall[Q, A]{call, m.Request, m.Answer}, nil
}

// HandleUnary serves unary calls of the method. A request that does not decode is [CodeInvalidArgument].
func (m Method[Q, A]) HandleUnary(module *Module, handler func(ctx context.Context, request Q) (A, error), options ...HandleOption) {
	module.HandleUnary(m.Service, func(ctx context.Context, payload []byte) ([]byte, error) {
		request, err := m.Request.Decode(payload)
		if err != nil {
			return nil, Errorf(CodeInvalidArgument, "the request does not decode")
		}
		answer, err := handler(ctx, request)
		if err != nil {
			return nil, err
		}
		return m.Answer.Append(nil, answer)
	}, options...)
}

// Handle serves streams of the method.
func (m Method[Q, A]) Handle(module *Module, kind InteractionKind, handler func(ctx context.Context, call *TypedCall[A, Q]) error, options ...HandleOption) {
	module.Handle(m.Service, kind, func(ctx context.Context, call *Call) error {
		return handler(ctx, &TypedCall[A, Q]{call, m.Answer, m.Request})
	}, options...)
}

// TypedCall is a [Call] whose messages have types: S are sent, R received.
type TypedCall[S, R any] struct {
	*Call
	send    Codec[S]
	receive Codec[R]
}

// Typed gives a call's messages types.
func Typed[S, R any](call *Call, send Codec[S], receive Codec[R]) *TypedCall[S, R] {
	return &TypedCall[S, R]{call, send, receive}
}

// Send is [Call.Send].
func (c *TypedCall[S, R]) Send(value S) error {
	payload, err := c.send.Append(nil, value)
	if err != nil {
		return err
	}
	return c.Call.Send(payload)
}

// Recv is [Call.Recv].
func (c *TypedCall[S, R]) Recv() (value R, err error) {
	payload, err := c.Call.Recv()
	if err != nil {
		return value, err
	}
	return c.receive.Decode(payload)
}

// CloseAndRecv is [Call.CloseAndRecv].
func (c *TypedCall[S, R]) CloseAndRecv() (value R, err error) {
	payload, err := c.Call.CloseAndRecv()
	if err != nil {
		return value, err
	}
	return c.receive.Decode(payload)
}

// All is [Call.All].
func (c *TypedCall[S, R]) All() iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for {
			value, err := c.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(value, err) || err != nil {
				return
			}
		}
	}
}
