// Package payload makes Cap'n Proto structs the payloads of calls: a codec for sdk.Method and sdk.Typed.
//
//	var Thumb = sdk.Method[Picture, Image]{Service: "thumb", Request: payload.Of[Picture](), Answer: payload.Of[Image]()}
//
// Picture and Image are what capnpc-go makes of structs in a schema.
package payload

import "capnproto.org/go/capnp/v3"

// Of is the codec of a struct that capnpc-go generated.
func Of[T capnp.TypeParam[T]]() Codec[T] { return Codec[T]{} }

// Codec encodes a struct as the root of a message of one segment, with its segment table.
type Codec[T capnp.TypeParam[T]] struct{}

// Append appends the encoded message to dst. The struct may be anywhere in its own message.
func (Codec[T]) Append(dst []byte, value T) ([]byte, error) {
	message, segment, err := capnp.NewMessage(capnp.SingleSegment(nil))
	if err != nil {
		return dst, err
	}
	if err := message.SetRoot(value.EncodeAsPtr(segment)); err != nil {
		return dst, err
	}
	encoded, err := message.Marshal()
	if err != nil {
		return dst, err
	}
	return append(dst, encoded...), nil
}

// Decode reads a message. The struct borrows the payload, which is the receiver's own; go-capnp's limits hold for
// what it is asked.
func (Codec[T]) Decode(payload []byte) (value T, err error) {
	message, err := capnp.Unmarshal(payload)
	if err != nil {
		return value, err
	}
	root, err := message.Root()
	if err != nil {
		return value, err
	}
	return value.DecodeFromPtr(root), nil
}
