package io.github.hdv.ixt

/** Keys of the metadata with a meaning (specification 21, section 8). The prefix `ixt.` is reserved. */
public object MetadataKeys {
    /** The tenant; the ingress sets it. */
    public const val TENANT: String = "tenant"

    /** How strongly the principal was authenticated; the ingress sets it. */
    public const val AUTH_STRENGTH: String = "auth.strength"

    /** By what kind of ingress it came in; the ingress sets it. */
    public const val INGRESS_KIND: String = "ingress.kind"

    /** The address it came from; the ingress sets it. */
    public const val INGRESS_SOURCE_IP: String = "ingress.source_ip"

    /** The W3C tracestate header. */
    public const val TRACESTATE: String = "tracestate"

    /** The W3C baggage header. */
    public const val BAGGAGE: String = "baggage"
}
