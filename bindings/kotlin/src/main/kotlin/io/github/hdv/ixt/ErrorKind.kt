package io.github.hdv.ixt

/**
 * What went wrong; `docs/errors.md` says what each kind means. [code] is the kind's number, the same in every
 * language and for ever. Later versions add kinds, so a `when` has an `else`.
 */
public enum class ErrorKind(public val code: Int) {
    Truncated(1),
    TrailingBytes(2),
    TooManySegments(3),
    MessageTooLarge(4),
    FrameTooLarge(5),
    ContextTooLarge(6),
    BadPointer(7),
    TooDeep(8),
    TraversalLimit(9),
    BadText(10),
    NilStreamId(11),
    BadIdLength(12),
    DuplicateKey(13),
    DuplicateCapability(14),
    BadMetadataKey(15),
    TooManyMetadata(16),
    MetadataTooLarge(17),
    TooManyCapabilities(18),
    CapabilityTooLong(19),
    TokenTooLong(20),
    MessageTextTooLong(21),
    NotCanonical(22),
    BadJson(23),
    BadMethod(24),

    NotOpen(100),
    AlreadyOpen(101),
    TooManyMessages(102),
    MissingMessage(103),
    StreamEnded(104),
    InvalidGrant(105),
    WindowOverflow(106),
    CreditExhausted(107),
    QueueFull(108),
    TooManyStreams(109),
    StreamIdInUse(110),
    NotEstablished(111),
    GoingAway(112),

    InvalidArgument(200),
    NullPointer(201),
    BufferTooSmall(202),
    Closed(203),
    Panic(204),
    AbiMismatch(205),
    ;

    internal companion object {
        private val byCode = entries.associateBy(ErrorKind::code)

        /** The kind with this number; a number without one is a defect of the library that was loaded. */
        fun of(code: Int): ErrorKind = byCode[code] ?: AbiMismatch
    }
}
