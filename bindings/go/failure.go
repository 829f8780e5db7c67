package sdk

import (
	"context"
	"errors"
	"fmt"
)

// Error is the code's name: a code is an error by itself, so that errors.Is(err, [CodeNotFound]) asks whether
// a call failed with it.
func (v StreamErrorCode) Error() string { return v.String() }

// CodeError is a failure that a handler returns for its caller to see: the stream fails with the code, the
// message and the details. Any other error of a handler is [CodeInternal] with its type alone, since its text
// may hold what the caller must not know.
type CodeError struct {
	Code    StreamErrorCode
	Message string
	// Details are the application's, at most 4 KiB.
	Details []byte
}

func (e *CodeError) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Message
}

// Unwrap gives the code, for errors.Is.
func (e *CodeError) Unwrap() error { return e.Code }

// Errorf makes a [CodeError]. The message goes to the caller.
func Errorf(code StreamErrorCode, format string, values ...any) error {
	return &CodeError{Code: code, Message: fmt.Sprintf(format, values...)}
}

// told is what a caller is told of a handler's error.
func told(err error) *CodeError {
	var own *CodeError
	if errors.As(err, &own) {
		return own
	}
	var code StreamErrorCode
	if errors.As(err, &code) {
		return &CodeError{Code: code}
	}
	var end *StreamEndError
	if errors.As(err, &end) && end.Outcome.Kind == OutcomeFailed {
		// A call of the handler's own: the failure goes on to who asked.
		return &CodeError{Code: end.Outcome.Code, Message: end.Outcome.Message, Details: end.Outcome.Details}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &CodeError{Code: CodeDeadlineExceeded}
	case errors.Is(err, context.Canceled):
		return &CodeError{Code: CodeCancelled}
	}
	var kind *Error
	if errors.As(err, &kind) {
		return &CodeError{Code: CodeInternal, Message: kind.Error()}
	}
	return &CodeError{Code: CodeInternal, Message: fmt.Sprintf("the handler failed (%T)", err)}
}
