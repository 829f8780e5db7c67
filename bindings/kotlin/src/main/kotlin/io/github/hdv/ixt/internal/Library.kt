package io.github.hdv.ixt.internal

import java.io.File

/** The native library: found on the class path, put into a file, and loaded once for JNI and for JNA. */
internal object Library {
    /** Names the file to load in place of the one in the jar; the generated code reads it too. */
    private const val OVERRIDE = "uniffi.component.ixt.libraryOverride"

    init {
        val file = System.getProperty(OVERRIDE)?.let(::File)
            ?: com.sun.jna.Native.extractFromResourcePath("ixt_kotlin", Library::class.java.classLoader)
        System.load(file.absolutePath)
        System.setProperty(OVERRIDE, file.absolutePath)
    }

    /** Does nothing but be the first use. */
    fun load() = Unit
}
