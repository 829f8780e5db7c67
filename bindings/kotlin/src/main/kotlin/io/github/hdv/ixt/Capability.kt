package io.github.hdv.ixt

import io.github.hdv.ixt.internal.Library

/** The rules of capability patterns (specification 21, section 5). What is malformed denies. */
public object Capability {
    init {
        Library.load()
    }

    /** Whether the pattern [granted] covers [required], a concrete capability. */
    public fun covers(granted: String, required: String): Boolean =
        io.github.hdv.ixt.uniffi.covers(granted, required)

    /** Whether each pattern of the child is within one of the parent's. */
    public fun attenuates(parent: List<String>, child: List<String>): Boolean =
        io.github.hdv.ixt.uniffi.attenuates(parent, child)
}
