@0x9352a4a9b1b356a5;
# A made-up later version of schemas/ipc_streaming.capnp, for the test vectors alone: the same ids,
# and further enumerants, fields in every group, fields of the frame, and members of the union.

enum InteractionKind {
  unary        @0;
  clientStream @1;
  serverStream @2;
  bidiStream   @3;
  publish      @4;
}

enum CloseReason {
  unspecified  @0;
  completed    @1;
  limitReached @2;
  idle         @3;
  goingAway    @4;
  migrated     @5;
}

enum CancelReason {
  unspecified         @0;
  userRequested       @1;
  deadlineExceeded    @2;
  consumerGone        @3;
  superseded          @4;
  upstreamCancelled   @5;
  backpressureTimeout @6;
  shutdown            @7;
  quotaExhausted      @8;
}

enum StreamErrorCode {
  unknown              @0;
  cancelled            @1;
  invalidArgument      @2;
  deadlineExceeded     @3;
  notFound             @4;
  unauthenticated      @5;
  permissionDenied     @6;
  resourceExhausted    @7;
  unavailable          @8;
  internal             @9;
  protocolViolation    @10;
  flowControlViolation @11;
  sequenceViolation    @12;
  integrityViolation   @13;
}

struct Annotation {
  name  @0 :Text;
  level @1 :UInt32;
}

struct StreamFrame {
  streamIdHigh @0 :UInt64;
  streamIdLow  @1 :UInt64;

  union {
    open :group {
      interaction   @2 :InteractionKind;
      initialCredit @3 :UInt32;
      context       @4 :Data;
      priority      @16 :UInt16;
      labels        @17 :List(Text);
    }
    data :group {
      sequence @5 :UInt64;
      payload  @6 :Data;
      checksum @18 :UInt32;
    }
    error :group {
      code       @7 :StreamErrorCode;
      sequence   @8 :UInt64;
      message    @9 :Text;
      details    @15 :Data;
      retryMs    @19 :UInt32;
      annotation @20 :Annotation;
    }
    close :group {
      reason        @10 :CloseReason;
      finalSequence @11 :UInt64;
      digest        @21 :Data;
    }
    cancel :group {
      reason    @12 :CancelReason;
      message   @13 :Text;
      requester @22 :Text;
    }
    credit :group {
      frames @14 :UInt32;
      bytes  @23 :UInt64;
    }
    heartbeat :group {
      nonce @24 :UInt64;
      note  @25 :Text;
    }
    pause @26 :Void;
    annotate @27 :Annotation;
  }

  hop         @28 :UInt8;
  sentMs      @29 :UInt64;
  annotations @30 :List(Annotation);
}
