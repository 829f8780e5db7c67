@0x999a6ac2caee47f4;
# Specification 24: what the two ends of a connection tell each other.
#
# Each end opens one bidi stream to the service `ixt.connection` before anything else and says these on it,
# its hello first. A pong answers on the stream that its ping came on.

enum EndReason {
  # Why a connection ends, or is about to.
  unspecified       @0;
  shutdown          @1;    # the end goes away in order
  protocolViolation @2;    # frames that the protocol does not allow where they stand
  tornFrame         @3;    # the byte stream ended within a frame
  oversizedFrame    @4;    # a frame larger than the limit
  malformedFrame    @5;    # a frame that does not decode
  tooManyViolations @6;    # broken rules of streams, too many of them
  idle              @7;    # nothing came for too long
  version           @8;    # no version of this protocol in common
  overload          @9;    # more waits to be sent than the limits allow
  refused           @10;   # the peer may not connect
  transport         @11;   # the byte stream ended between frames, or could not be read or written
}

struct ConnectionMessage {
  union {
    hello :group {
      version       @0 :UInt16;   # of this protocol; today 1
      maxPayload    @1 :UInt32;   # the largest payload of a data frame that this end takes, in bytes
      maxStreams    @2 :UInt32;   # how many streams the peer may have open at once
      initialCredit @3 :UInt32;   # what this end, as a responder, grants every opener at once
      idleMs        @4 :UInt32;   # this end drops the connection when nothing came for so long; 0: never
      software      @5 :Text;     # for people
    }
    ping @6 :UInt64;              # a pong gives the number back
    pong @7 :UInt64;
    goingAway :group {
      reason  @8 :EndReason;
      graceMs @9 :UInt32;         # how long running streams may take to finish
      message @10 :Text;          # for people
    }
  }
}
