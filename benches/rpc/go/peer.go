package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// message is protobuf's own message of bytes, with generated code.
type message = wrapperspb.BytesValue

// echo is the service, as protoc-gen-go-grpc would describe it.
var echo = grpc.ServiceDesc{
	ServiceName: "bench.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Unary",
		Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(message)
			return in, decode(in)
		},
	}},
	Streams: []grpc.StreamDesc{{
		StreamName: "Each", ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, stream grpc.ServerStream) error {
			typed := &grpc.GenericServerStream[message, message]{ServerStream: stream}
			for {
				in, err := typed.Recv()
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				if err := typed.Send(in); err != nil {
					return err
				}
			}
		},
	}},
}

func serveGRPC(path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	server.RegisterService(&echo, struct{}{})
	ctx, stop := signal.NotifyContext(background, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, server.Stop)
	return server.Serve(listener)
}

type peer struct{ conn *grpc.ClientConn }

func connectGRPC(path string) (side, error) {
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return peer{conn}, err
}

func (p peer) unary(payload []byte) (int, error) {
	answer := new(message)
	err := p.conn.Invoke(background, "/bench.Echo/Unary", &message{Value: payload}, answer)
	return len(answer.Value), err
}

func (p peer) each(payload []byte, count int) (int, error) {
	stream, err := p.conn.NewStream(background, &echo.Streams[0], "/bench.Echo/Each")
	if err != nil {
		return 0, err
	}
	typed := &grpc.GenericClientStream[message, message]{ClientStream: stream}
	sent := make(chan error, 1)
	go func() {
		for range count {
			if err := typed.Send(&message{Value: payload}); err != nil {
				sent <- err
				return
			}
		}
		sent <- typed.CloseSend()
	}()
	bytes := 0
	for {
		answer, err := typed.Recv()
		if errors.Is(err, io.EOF) {
			return bytes, <-sent
		}
		if err != nil {
			return 0, err
		}
		bytes += len(answer.Value)
	}
}
