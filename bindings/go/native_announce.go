package sdk

/*
#include <stdlib.h>
#include "ixt.h"

#cgo noescape ixt_host_announce_encode
#cgo nocallback ixt_host_announce_encode
#cgo noescape ixt_host_open_endpoint_encode
#cgo nocallback ixt_host_open_endpoint_encode
#cgo noescape ixt_host_close_endpoint_encode
#cgo nocallback ixt_host_close_endpoint_encode
#cgo noescape ixt_host_answer_decode
#cgo nocallback ixt_host_answer_decode
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// offer is a service that a module announces.
type offer struct {
	name, requires string
	kinds          uint32
}

// encodeAnnounce is the first message of a module to its host.
func encodeAnnounce(module string, services []offer, topics []string, token []byte) ([]byte, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	// The library reads these pointers within the call; what they point to must not move meanwhile.
	slice := func(bytes *byte, length int) C.ixt_slice_t {
		if length == 0 {
			return C.ixt_slice_t{}
		}
		pinner.Pin(bytes)
		return C.ixt_slice_t{(*C.uint8_t)(unsafe.Pointer(bytes)), C.size_t(length)}
	}
	text := func(s string) C.ixt_slice_t { return slice(unsafe.StringData(s), len(s)) }
	announce := C.ixt_announce_t{module: text(module), token: slice(unsafe.SliceData(token), len(token))}
	if len(services) > 0 {
		offers := make([]C.ixt_service_offer_t, len(services))
		pinner.Pin(&offers[0])
		for i, service := range services {
			offers[i] = C.ixt_service_offer_t{name: text(service.name), requires: text(service.requires), interactions: C.uint32_t(service.kinds)}
		}
		announce.services, announce.service_count = &offers[0], C.size_t(len(offers))
	}
	if len(topics) > 0 {
		names := make([]C.ixt_slice_t, len(topics))
		pinner.Pin(&names[0])
		for i, topic := range topics {
			names[i] = text(topic)
		}
		announce.topics, announce.topic_count = &names[0], C.size_t(len(names))
	}
	room := make([]byte, 4096)
	for {
		var written C.size_t
		var e C.ixt_error_t
		status := C.ixt_host_announce_encode(&announce, (*C.uint8_t)(&room[0]), C.size_t(len(room)), &written, &e)
		switch status {
		case C.IXT_OK:
			return room[:written], nil
		case C.IXT_ERR_BUFFER_TOO_SMALL:
			room = make([]byte, written)
		default:
			return nil, refusal(status, &e)
		}
	}
}

func encodeOpenEndpoint(number uint64) []byte {
	room := make([]byte, 64)
	var written C.size_t
	C.ixt_host_open_endpoint_encode(C.uint64_t(number), (*C.uint8_t)(&room[0]), C.size_t(len(room)), &written)
	return room[:written]
}

func encodeCloseEndpoint(name string) []byte {
	room := make([]byte, 128+len(name))
	var written C.size_t
	bytes, length := text(name)
	if status := C.ixt_host_close_endpoint_encode(bytes, length, (*C.uint8_t)(&room[0]), C.size_t(len(room)), &written); status != C.IXT_OK {
		return nil
	}
	return room[:written]
}

// decodeAnswer reads what the host said: that the module is accepted, or an endpoint with its number.
func decodeAnswer(b []byte) (accepted bool, number uint64, name string, err error) {
	var answer C.ixt_host_answer_t
	room := make([]byte, 256)
	bytes, length := slice(b)
	status := C.ixt_host_answer_decode(bytes, length, &answer, (*C.uint8_t)(&room[0]), C.size_t(len(room)))
	if status != C.IXT_OK {
		return false, 0, "", check(status)
	}
	if answer.kind == C.IXT_HOST_ACCEPTED {
		return true, 0, "", nil
	}
	return false, uint64(answer.number), string(room[:answer.name_length]), nil
}
