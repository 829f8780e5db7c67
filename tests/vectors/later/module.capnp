@0x9f1659b701dbc9ce;
# A made-up later version of schemas/module.capnp, for the test vectors alone: the same ids, and
# further fields in every struct and further members in both unions.

struct ActorSubject {
  union {
    external @0 :Text;
    operator @1 :Text;
    module   @2 :Text;
    system   @3 :Void;
    service  @4 :Text;
    delegate :group {
      onBehalfOf @5 :Text;
      depth      @6 :UInt32;
    }
  }
  realm @7 :Text;
}

struct ActorIdentity {
  subject      @0 :ActorSubject;
  tokenRef     @1 :Data;
  capabilities @2 :List(Text);
  sessionId    @3 :UInt64;
  roles        @4 :List(Text);
}

struct MessageTarget {
  union {
    service         @0 :Text;
    module          @1 :Text;
    broadcast       @2 :Text;
    reply           @3 :Data;
    dynamicEndpoint @4 :Text;
    queue           @5 :Text;
    shard :group {
      key   @6 :Data;
      count @7 :UInt16;
    }
  }
  region @8 :Text;
}

struct MetadataEntry {
  key    @0 :Text;
  value  @1 :Text;
  origin @2 :Text;
  ttlMs  @3 :UInt64;
}

struct InvocationContext {
  correlationHigh @0 :UInt64;
  correlationLow  @1 :UInt64;
  spanId          @2 :UInt64;
  deadlineMs      @3 :UInt64;
  traceFlags      @4 :UInt8;
  sourceModule    @5 :Text;
  target          @6 :MessageTarget;
  actor           @7 :ActorIdentity;
  metadata        @8 :List(MetadataEntry);
  parentSpanId    @9 :UInt64;
  attempt         @10 :UInt8;
  budgetMs        @11 :UInt32;
  tenantPath      @12 :List(Text);
  signature       @13 :Data;
  issuedMs        @14 :UInt64;
}

struct HandlePayload {
  context     @0 :InvocationContext;
  method      @1 :Text;
  body        @2 :Data;
  attachments @3 :List(Data);
  priority    @4 :UInt16;
}
