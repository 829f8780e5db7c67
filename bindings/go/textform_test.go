package sdk_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// The text form of specification 20, by the public constructors: what the vectors and traces are written in.

type object = map[string]any

// lines reads a file of JSON lines, with exact numbers.
func lines(t *testing.T, path string, each func(line object)) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(content, []byte("\n")), []byte("\n")) {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		var value object
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		each(value)
	}
}

func unhex(value any) []byte {
	text, _ := value.(string)
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func number(value any) uint64 {
	if value == nil {
		return 0
	}
	var n uint64
	if _, err := fmt.Sscan(string(value.(json.Number)), &n); err != nil {
		panic(err)
	}
	return n
}

// enum is the number of a name, or of a number.
func enum[E interface {
	~uint16
	fmt.Stringer
	IsKnown() bool
}](value any) E {
	switch value := value.(type) {
	case nil:
		return 0
	case string:
		for e := E(0); e.IsKnown(); e++ {
			if e.String() == value {
				return e
			}
		}
		panic("no enumerant " + value)
	default:
		return E(number(value))
	}
}

func frameOf(value object) (sdk.StreamFrame, error) {
	id, err := sdk.StreamIDFromBytes(unhex(value["stream_id"]))
	if err != nil {
		return sdk.StreamFrame{}, err
	}
	for member, fields := range value {
		o, _ := fields.(object)
		switch member {
		case "open":
			return sdk.OpenFrame(id, enum[sdk.InteractionKind](o["interaction"]), uint32(number(o["initial_credit"])), unhex(o["context"])), nil
		case "data":
			return sdk.DataFrame(id, number(o["sequence"]), unhex(o["payload"])), nil
		case "error":
			return sdk.ErrorFrame(id, enum[sdk.StreamErrorCode](o["code"]), number(o["sequence"]), text(o["message"]), unhex(o["details"])), nil
		case "close":
			return sdk.CloseFrame(id, enum[sdk.CloseReason](o["reason"]), number(o["final_sequence"])), nil
		case "cancel":
			return sdk.CancelFrame(id, enum[sdk.CancelReason](o["reason"]), text(o["message"])), nil
		case "credit":
			return sdk.CreditFrame(id, uint32(number(o["frames"]))), nil
		case "unknown":
			return sdk.StreamFrame{StreamID: id, Kind: sdk.FrameKind(number(o["tag"]))}, nil
		}
	}
	panic("no member")
}

// unknownFrame is the bytes of a frame of a later schema (tests/traces/README.md).
func unknownFrame(id sdk.StreamID, tag uint16) []byte {
	b := []byte{0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0}
	b = binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(id[:8]))
	b = binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(id[8:]))
	b = binary.LittleEndian.AppendUint64(b, 0)
	return binary.LittleEndian.AppendUint64(b, uint64(tag))
}

// fields leaves defaults out.
type fields object

func (f fields) number(name string, value uint64) fields {
	if value != 0 {
		f[name] = json.Number(fmt.Sprint(value))
	}
	return f
}

func (f fields) text(name, value string) fields {
	if value != "" {
		f[name] = value
	}
	return f
}

func (f fields) bytes(name string, value []byte) fields {
	return f.text(name, hex.EncodeToString(value))
}

func (f fields) enum(name string, value any, number uint16, known bool) fields {
	if number == 0 || !known {
		return f.number(name, uint64(number))
	}
	return f.text(name, fmt.Sprint(value))
}

func frameText(f *sdk.StreamFrame) object {
	body := fields{}
	switch f.Kind {
	case sdk.FrameOpen:
		k := f.Open.Interaction
		body.enum("interaction", k, uint16(k), k.IsKnown()).number("initial_credit", uint64(f.Open.InitialCredit)).bytes("context", f.Open.Context)
	case sdk.FrameData:
		body.number("sequence", f.Data.Sequence).bytes("payload", f.Data.Payload)
	case sdk.FrameError:
		c := f.Error.Code
		body.enum("code", c, uint16(c), c.IsKnown()).number("sequence", f.Error.Sequence).text("message", f.Error.Message).bytes("details", f.Error.Details)
	case sdk.FrameClose:
		r := f.Close.Reason
		body.enum("reason", r, uint16(r), r.IsKnown()).number("final_sequence", f.Close.FinalSequence)
	case sdk.FrameCancel:
		r := f.Cancel.Reason
		body.enum("reason", r, uint16(r), r.IsKnown()).text("message", f.Cancel.Message)
	case sdk.FrameCredit:
		body.number("frames", uint64(f.Credit.Frames))
	default:
		return object{"stream_id": f.StreamID.String(), "unknown": unknownTag(uint16(f.Kind))}
	}
	return object{"stream_id": f.StreamID.String(), f.Kind.String(): object(body)}
}

func unknownTag(tag uint16) object { return object{"tag": json.Number(fmt.Sprint(tag))} }

func contextOf(value object) (*sdk.InvocationContext, error) {
	c := sdk.AnonymousContext()
	var err error
	keep := func(found error) {
		if err == nil {
			err = found
		}
	}
	for member, value := range value {
		o, _ := value.(object)
		var found error
		switch member {
		case "correlation_id":
			c.CorrelationID, found = sdk.CorrelationIDFromBytes(unhex(value))
		case "span_id":
			c.SpanID, found = sdk.SpanIDFromBytes(unhex(value))
		case "parent_span_id":
			c.ParentSpanID, found = sdk.SpanIDFromBytes(unhex(value))
		case "trace_flags":
			c.TraceFlags = uint8(number(value))
		case "deadline_ms":
			c.DeadlineMS = number(value)
		case "source_module":
			c.SourceModule = text(value)
		case "target":
			c.Target, found = targetOf(o)
		case "actor":
			c.Actor = actorOf(o)
		case "metadata":
			for key, value := range o {
				c.Metadata = append(c.Metadata, sdk.MetadataEntry{Key: key, Value: text(value)})
			}
		default:
			panic("no field " + member)
		}
		keep(found)
	}
	return c, err
}

func targetOf(o object) (sdk.Target, error) {
	for kind, value := range o {
		switch kind {
		case "service":
			return sdk.ServiceTarget(text(value)), nil
		case "module":
			return sdk.ModuleTarget(text(value)), nil
		case "broadcast":
			return sdk.BroadcastTarget(text(value)), nil
		case "dynamic_endpoint":
			return sdk.DynamicEndpointTarget(text(value)), nil
		case "reply":
			id, err := sdk.ReplyIDFromBytes(unhex(value))
			return sdk.ReplyTarget(id), err
		case "unknown":
			return sdk.Target{Kind: sdk.TargetKind(number(value.(object)["tag"]))}, nil
		}
	}
	panic("no target")
}

func actorOf(o object) (actor sdk.ActorIdentity) {
	if subject, ok := o["subject"].(object); ok {
		for kind, value := range subject {
			switch kind {
			case "external":
				actor.Subject = sdk.ExternalSubject(text(value))
			case "operator":
				actor.Subject = sdk.OperatorSubject(text(value))
			case "module":
				actor.Subject = sdk.ModuleSubject(text(value))
			case "system":
				actor.Subject = sdk.SystemSubject()
			case "unknown":
				actor.Subject = sdk.Subject{Kind: sdk.SubjectKind(number(value.(object)["tag"]))}
			}
		}
	}
	actor.TokenRef = sdk.NewTokenRef(unhex(o["token_ref"]))
	list, _ := o["capabilities"].([]any)
	for _, capability := range list {
		actor.Capabilities = append(actor.Capabilities, text(capability))
	}
	return actor
}

func contextText(c *sdk.InvocationContext) object {
	out := fields{}
	if c.CorrelationID != (sdk.CorrelationID{}) {
		out.text("correlation_id", c.CorrelationID.String())
	}
	if c.SpanID != (sdk.SpanID{}) {
		out.text("span_id", c.SpanID.String())
	}
	if c.ParentSpanID != (sdk.SpanID{}) {
		out.text("parent_span_id", c.ParentSpanID.String())
	}
	out.number("trace_flags", uint64(c.TraceFlags)).number("deadline_ms", c.DeadlineMS).text("source_module", c.SourceModule)

	switch t := c.Target; {
	case t.Kind == sdk.TargetReply:
		out["target"] = object{"reply": t.Reply.String()}
	case t.Kind == sdk.TargetDynamicEndpoint:
		out["target"] = object{"dynamic_endpoint": t.Name}
	case !t.Kind.IsKnown():
		out["target"] = object{"unknown": unknownTag(uint16(t.Kind))}
	case t != sdk.Target{}:
		out["target"] = object{t.Kind.String(): t.Name}
	}

	actor := fields{}
	switch s := c.Actor.Subject; {
	case s.Kind == sdk.SubjectSystem:
		actor["subject"] = object{"system": true}
	case !s.Kind.IsKnown():
		actor["subject"] = object{"unknown": unknownTag(uint16(s.Kind))}
	case s != sdk.Subject{}:
		actor["subject"] = object{s.Kind.String(): s.Name}
	}
	actor.bytes("token_ref", c.Actor.TokenRef.Expose())
	var capabilities []any
	for _, capability := range c.Actor.Capabilities {
		capabilities = append(capabilities, capability)
	}
	if capabilities != nil {
		actor["capabilities"] = capabilities
	}
	if len(actor) > 0 {
		out["actor"] = object(actor)
	}
	metadata := object{}
	for _, entry := range c.Metadata {
		metadata[entry.Key] = entry.Value
	}
	if len(metadata) > 0 {
		out["metadata"] = metadata
	}
	return object(out)
}
