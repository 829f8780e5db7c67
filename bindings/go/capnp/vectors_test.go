// Package capnp_test reads the test vectors with go-capnp, a reader that shares no code with Ixt.
package capnp_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"capnproto.org/go/capnp/v3"

	"github.com/h-dv/ixt/bindings/go/capnp/module"
	"github.com/h-dv/ixt/bindings/go/capnp/stream"
)

const vectors = "../../../tests/vectors"

type vector struct {
	Name  string         `json:"name"`
	Type  string         `json:"type"`
	Value map[string]any `json:"value"`
	Hex   string         `json:"hex"`
}

func TestGoCapnpFindsTheSameFields(t *testing.T) {
	frames, contexts := 0, 0
	for _, file := range []string{"values.jsonl", "large.jsonl"} {
		content, err := os.ReadFile(filepath.Join(vectors, file))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.SplitSeq(bytes.TrimSuffix(content, []byte("\n")), []byte("\n")) {
			var v vector
			decoder := json.NewDecoder(bytes.NewReader(line))
			decoder.UseNumber()
			if err := decoder.Decode(&v); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			read := frame
			if v.Type == "context" {
				read = context
				contexts++
			} else {
				frames++
			}
			got, err := read(v.Hex)
			if err != nil {
				t.Errorf("%s: %v", v.Name, err)
			} else if !reflect.DeepEqual(got, v.Value) {
				t.Errorf("%s: differs", v.Name)
			}
		}
	}
	if frames < 200 || contexts < 200 {
		t.Errorf("read %d frames and %d contexts only", frames, contexts)
	}
	t.Logf("go-capnp: %d frames, %d contexts", frames, contexts)
}

// object leaves defaults out, as the text form does.
type object map[string]any

func (o object) number(name string, value uint64) {
	if value != 0 {
		data, _ := json.Marshal(value)
		o[name] = json.Number(data)
	}
}

func (o object) text(name, value string) {
	if value != "" {
		o[name] = value
	}
}

func (o object) data(name string, value []byte) {
	o.text(name, hex.EncodeToString(value))
}

// enum takes the name that the generated code knows, or else the number.
func (o object) enum(name string, value uint16, known string) {
	if value != 0 && known != "" {
		o[name] = known
	} else {
		o.number(name, uint64(value))
	}
}

func id(high, low uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, high), low)
}

func unknown(tag uint16) map[string]any {
	o := object{}
	data, _ := json.Marshal(tag)
	o["tag"] = json.Number(data)
	return map[string]any{"unknown": map[string]any(o)}
}

// fields runs readers of pointer fields until one fails.
type fields struct{ err error }

func take[T any](f *fields) func(T, error) T {
	return func(value T, err error) T {
		if f.err == nil {
			f.err = err
		}
		return value
	}
}

func message(encoded string) (*capnp.Message, error) {
	raw, err := hex.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	return capnp.Unmarshal(raw)
}

func frame(encoded string) (map[string]any, error) {
	m, err := message(encoded)
	if err != nil {
		return nil, err
	}
	root, err := stream.ReadRootStreamFrame(m)
	if err != nil {
		return nil, err
	}
	var f fields
	text, data := take[string](&f), take[[]byte](&f)
	out, member, body := object{}, "", object{}
	out["stream_id"] = hex.EncodeToString(id(root.StreamIdHigh(), root.StreamIdLow()))
	switch root.Which() {
	case stream.StreamFrame_Which_open:
		member = "open"
		open := root.Open()
		body.enum("interaction", uint16(open.Interaction()), open.Interaction().String())
		body.number("initial_credit", uint64(open.InitialCredit()))
		body.data("context", data(open.Context()))
	case stream.StreamFrame_Which_data:
		member = "data"
		body.number("sequence", root.Data().Sequence())
		body.data("payload", data(root.Data().Payload()))
	case stream.StreamFrame_Which_error:
		member = "error"
		e := root.Error()
		body.enum("code", uint16(e.Code()), e.Code().String())
		body.number("sequence", e.Sequence())
		body.text("message", text(e.Message_()))
		body.data("details", data(e.Details()))
	case stream.StreamFrame_Which_close:
		member = "close"
		body.enum("reason", uint16(root.Close().Reason()), root.Close().Reason().String())
		body.number("final_sequence", root.Close().FinalSequence())
	case stream.StreamFrame_Which_cancel:
		member = "cancel"
		body.enum("reason", uint16(root.Cancel().Reason()), root.Cancel().Reason().String())
		body.text("message", text(root.Cancel().Message_()))
	case stream.StreamFrame_Which_credit:
		member = "credit"
		body.number("frames", uint64(root.Credit().Frames()))
	default:
		member = "unknown"
		body = unknown(uint16(root.Which()))["unknown"].(map[string]any)
	}
	out[member] = map[string]any(body)
	return out, f.err
}

func context(encoded string) (map[string]any, error) {
	m, err := message(encoded)
	if err != nil {
		return nil, err
	}
	root, err := module.ReadRootInvocationContext(m)
	if err != nil {
		return nil, err
	}
	var f fields
	text := take[string](&f)
	out := object{}
	if root.CorrelationHigh() != 0 || root.CorrelationLow() != 0 {
		out.data("correlation_id", id(root.CorrelationHigh(), root.CorrelationLow()))
	}
	if root.SpanId() != 0 {
		out.data("span_id", id(0, root.SpanId())[8:])
	}
	if root.ParentSpanId() != 0 {
		out.data("parent_span_id", id(0, root.ParentSpanId())[8:])
	}
	out.number("deadline_ms", root.DeadlineMs())
	out.number("trace_flags", uint64(root.TraceFlags()))
	out.text("source_module", text(root.SourceModule()))

	target := take[module.MessageTarget](&f)(root.Target())
	named := object{}
	switch target.Which() {
	case module.MessageTarget_Which_service:
		if service := text(target.Service()); service != "" {
			named["service"] = service
		}
	case module.MessageTarget_Which_module:
		named["module"] = text(target.Module())
	case module.MessageTarget_Which_broadcast:
		named["broadcast"] = text(target.Broadcast())
	case module.MessageTarget_Which_reply:
		named["reply"] = hex.EncodeToString(take[[]byte](&f)(target.Reply()))
	case module.MessageTarget_Which_dynamicEndpoint:
		named["dynamic_endpoint"] = text(target.DynamicEndpoint())
	default:
		named = unknown(uint16(target.Which()))
	}
	out.put("target", named)

	actor := take[module.ActorIdentity](&f)(root.Actor())
	out.put("actor", actorFields(&f, actor))

	metadata := object{}
	entries := take[module.MetadataEntry_List](&f)(root.Metadata())
	for i := range entries.Len() {
		metadata[text(entries.At(i).Key())] = text(entries.At(i).Value())
	}
	out.put("metadata", metadata)
	return out, f.err
}

func (o object) put(name string, inner object) {
	if len(inner) > 0 {
		o[name] = map[string]any(inner)
	}
}

func actorFields(f *fields, actor module.ActorIdentity) object {
	text := take[string](f)
	out, who := object{}, object{}
	subject := take[module.ActorSubject](f)(actor.Subject())
	switch subject.Which() {
	case module.ActorSubject_Which_external:
		if external := text(subject.External()); external != "" {
			who["external"] = external
		}
	case module.ActorSubject_Which_operator:
		who["operator"] = text(subject.Operator())
	case module.ActorSubject_Which_module:
		who["module"] = text(subject.Module())
	case module.ActorSubject_Which_system:
		who["system"] = true
	default:
		who = unknown(uint16(subject.Which()))
	}
	out.put("subject", who)
	out.data("token_ref", take[[]byte](f)(actor.TokenRef()))
	capabilities := take[capnp.TextList](f)(actor.Capabilities())
	var list []any
	for i := range capabilities.Len() {
		list = append(list, text(capabilities.At(i)))
	}
	if list != nil {
		out["capabilities"] = list
	}
	return out
}
