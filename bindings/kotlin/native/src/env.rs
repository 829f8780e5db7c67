//! What is needed of JNI: arrays of bytes and longs, and one exception.

use std::cell::RefCell;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use ixt_core::{Error, ErrorKind, Limits, Result};
use jni_sys::{
    JNIEnv, JNINativeInterface__1_6, jboolean, jbyteArray, jint, jlong, jlongArray, jobject, jvalue,
};

/// Inputs up to this size are copied out of their array, which is faster than to pin it.
pub(crate) const SMALL: usize = 1024;

thread_local! {
    /// Where small inputs are copied to. Nothing that is called with one asks for another.
    static COPY: RefCell<[u8; SMALL]> = const { RefCell::new([0; SMALL]) };
}

/// The environment of the calling thread, for one call.
pub(crate) struct Env(*mut JNIEnv);

impl Env {
    /// # Safety
    /// `env` is what the JVM handed to a native method that has not returned yet.
    pub(crate) unsafe fn new(env: *mut JNIEnv) -> Self {
        Self(env)
    }

    fn table(&self) -> &JNINativeInterface__1_6 {
        // SAFETY: the environment is valid for the call, and every JVM since 6 has this table.
        unsafe { &(**self.0).v1_6 }
    }

    /// Runs a native method: an error or a panic becomes an exception, with this value to return beside it.
    pub(crate) fn run<T>(&self, failed: T, body: impl FnOnce(&Self) -> Result<T>) -> T {
        let result = catch_unwind(AssertUnwindSafe(|| body(self)));
        match result.unwrap_or_else(|_| Err(ErrorKind::Panic.into())) {
            Ok(done) => done,
            Err(error) => {
                self.throw(&error);
                failed
            }
        }
    }

    /// Leaves an `IxtException` for the caller, unless the JVM has left one of its own.
    fn throw(&self, error: &Error) {
        let table = self.table();
        let field = CString::new(error.field()).unwrap_or_default();
        // SAFETY: the names are NUL-terminated, the arguments are those of the constructor's signature, and no
        // exception is pending when the class is looked for.
        unsafe {
            if (table.ExceptionCheck)(self.0) {
                return;
            }
            let class = (table.FindClass)(self.0, c"io/github/hdv/ixt/IxtException".as_ptr());
            if class.is_null() {
                return;
            }
            let constructor =
                (table.GetMethodID)(self.0, class, c"<init>".as_ptr(), c"(ILjava/lang/String;J)V".as_ptr());
            let field = (table.NewStringUTF)(self.0, field.as_ptr());
            if constructor.is_null() || field.is_null() {
                return;
            }
            let arguments = [
                jvalue { i: error.kind().code() },
                jvalue { l: field },
                jvalue { j: error.offset().map_or(-1, |offset| offset as jlong) },
            ];
            let exception = (table.NewObjectA)(self.0, class, constructor, arguments.as_ptr());
            if !exception.is_null() {
                (table.Throw)(self.0, exception);
            }
        }
    }

    pub(crate) fn length(&self, array: jbyteArray) -> usize {
        // SAFETY: a reference of the caller's that is no null.
        unsafe { (self.table().GetArrayLength)(self.0, array) as usize }
    }

    /// Fills `out` from `array` at `start`; the JVM throws where it does not reach.
    pub(crate) fn read(&self, array: jbyteArray, start: usize, out: &mut [u8]) {
        // SAFETY: `out` has the length that is said, and the JVM checks the array's own bounds.
        unsafe {
            let length = out.len() as jint;
            (self.table().GetByteArrayRegion)(self.0, array, start as jint, length, out.as_mut_ptr().cast());
        }
    }

    /// All bytes of an array; none of a null.
    pub(crate) fn bytes(&self, array: jbyteArray) -> Vec<u8> {
        if array.is_null() {
            return Vec::new();
        }
        let mut bytes = vec![0; self.length(array)];
        self.read(array, 0, &mut bytes);
        bytes
    }

    /// Where the memory of a direct buffer is; 0 where it has none.
    pub(crate) fn address(&self, buffer: jobject) -> jlong {
        // SAFETY: a reference of the caller's that is no null.
        unsafe { (self.table().GetDirectBufferAddress)(self.0, buffer) as jlong }
    }

    /// A new array without content; null where the JVM has no memory, and has thrown that.
    pub(crate) fn new_array(&self, length: usize) -> jbyteArray {
        // SAFETY: a length that fits, as every message does.
        unsafe { (self.table().NewByteArray)(self.0, length as jint) }
    }

    /// A new array with these bytes.
    pub(crate) fn array_of(&self, bytes: &[u8]) -> jbyteArray {
        let array = self.new_array(bytes.len());
        if !array.is_null() {
            // SAFETY: the array was made with this length.
            unsafe {
                let length = bytes.len() as jint;
                (self.table().SetByteArrayRegion)(self.0, array, 0, length, bytes.as_ptr().cast());
            }
        }
        array
    }

    /// Puts longs to the front of `array`, which the caller made long enough; the JVM throws where it is not.
    pub(crate) fn write_longs(&self, array: jlongArray, longs: &[jlong]) {
        // SAFETY: `longs` has the length that is said, and the JVM checks the array's own bounds.
        unsafe { (self.table().SetLongArrayRegion)(self.0, array, 0, longs.len() as jint, longs.as_ptr()) }
    }

    /// Lends `length` bytes of `array` from `start`. Nothing of JNI is called meanwhile.
    pub(crate) fn lend<T>(
        &self,
        array: jbyteArray,
        start: usize,
        length: usize,
        body: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<T> {
        if length <= SMALL {
            return COPY.with_borrow_mut(|copy| {
                let copy = copy.get_mut(..length).unwrap_or_default();
                self.read(array, start, copy);
                body(copy)
            });
        }
        let pinned = Pinned::new(self, array)?;
        let end = start.checked_add(length).ok_or(ErrorKind::InvalidArgument)?;
        body(pinned.bytes().get(start..end).ok_or(ErrorKind::InvalidArgument)?)
    }
}

/// An array that the JVM does not move. Nothing of JNI may be called while there is one.
pub(crate) struct Pinned<'e> {
    env: &'e Env,
    array: jbyteArray,
    at: *mut u8,
    length: usize,
}

impl<'e> Pinned<'e> {
    pub(crate) fn new(env: &'e Env, array: jbyteArray) -> Result<Self> {
        let length = env.length(array);
        // SAFETY: a reference of the caller's; released on drop, and nobody calls JNI in between.
        let at = unsafe { (env.table().GetPrimitiveArrayCritical)(env.0, array, null_mut()) };
        if at.is_null() {
            Err(ErrorKind::Panic.into())
        } else {
            Ok(Self { env, array, at: at.cast(), length })
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: pinned at this length until the drop.
        unsafe { std::slice::from_raw_parts(self.at, self.length) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`, and the array is one that was made in this call.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.length) }
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        // SAFETY: what `new` got.
        unsafe {
            (self.env.table().ReleasePrimitiveArrayCritical)(self.env.0, self.array, self.at.cast(), 0);
        }
    }
}

/// The limits with this largest payload; the caller has checked that it is not negative.
pub(crate) fn limits(max_payload: jint) -> Limits {
    Limits::with_max_payload(max_payload as usize)
}

/// The flag that JNI has for one.
pub(crate) fn flag(value: bool) -> jboolean {
    value
}
