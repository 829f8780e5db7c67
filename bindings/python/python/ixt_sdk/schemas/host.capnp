@0xd6a273f786f85d45;
# Specification 25: what a module and its host tell each other.
#
# A module opens one bidi stream to the service `ixt.host` and announces itself on it. It is announced for as long
# as that stream lives.

using Stream = import "ipc_streaming.capnp";

struct ServiceOffer {
  name     @0 :Text;                            # [a-z0-9][a-z0-9_.-]{0,127}
  kinds    @1 :List(Stream.InteractionKind);    # which it answers; empty: all
  requires @2 :Text;                            # the capability that a caller needs; empty: none
}

struct ToHost {
  union {
    announce :group {
      module   @0 :Text;                        # [a-z0-9][a-z0-9_.-]{0,127}
      services @1 :List(ServiceOffer);
      topics   @2 :List(Text);                  # broadcasts that it wants
      token    @3 :Data;                        # proves the name where the policy demands it
    }
    openEndpoint  @4 :UInt64;                   # a number of the module's, which the answer gives back
    closeEndpoint @5 :Text;
  }
}

struct FromHost {
  union {
    accepted @0 :Void;                          # the module is announced; a refusal fails the stream
    endpoint :group {
      number @1 :UInt64;
      name   @2 :Text;                          # what callers put into MessageTarget.dynamicEndpoint
    }
  }
}
