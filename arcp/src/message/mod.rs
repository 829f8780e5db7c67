//! The payloads of the messages: what peers say, read and written (ARCP §§6–9).
//!
//! Each is read as leniently as its section and the peers that exist allow, and written as the section says: what is
//! absent is left out, `null` is read as absent, and unknown fields are read over.

mod job;
mod session;

pub use job::{
    Accepted, Cancel, Cancelled, Chunk, Credential, Encoding, EventPayload, FinalStatus, JobError, JobResult,
    Submit, Subscribe, Subscribed, Unsubscribe,
};
pub use session::{
    Ack, Agent, Auth, Capabilities, Close, Filter, Hello, Jobs, ListJobs, Listed, Ping, Pong, Resume,
    ResumeAgain, SessionError, Software, Welcome, WelcomeCapabilities,
};

/// The types of messages.
pub mod kind {
    #![allow(missing_docs, reason = "each is the text that it is named after")]

    pub const SESSION_HELLO: &str = "session.hello";
    pub const SESSION_WELCOME: &str = "session.welcome";
    pub const SESSION_RESUME: &str = "session.resume";
    pub const SESSION_PING: &str = "session.ping";
    pub const SESSION_PONG: &str = "session.pong";
    pub const SESSION_ACK: &str = "session.ack";
    pub const SESSION_LIST_JOBS: &str = "session.list_jobs";
    pub const SESSION_JOBS: &str = "session.jobs";
    pub const SESSION_CLOSE: &str = "session.close";
    pub const SESSION_BYE: &str = "session.bye";
    pub const SESSION_CLOSED: &str = "session.closed";
    pub const SESSION_ERROR: &str = "session.error";
    pub const JOB_SUBMIT: &str = "job.submit";
    pub const JOB_ACCEPTED: &str = "job.accepted";
    pub const JOB_CANCEL: &str = "job.cancel";
    pub const JOB_CANCELLED: &str = "job.cancelled";
    pub const JOB_SUBSCRIBE: &str = "job.subscribe";
    pub const JOB_SUBSCRIBED: &str = "job.subscribed";
    pub const JOB_UNSUBSCRIBE: &str = "job.unsubscribe";
    pub const JOB_EVENT: &str = "job.event";
    pub const JOB_RESULT: &str = "job.result";
    pub const JOB_ERROR: &str = "job.error";
}
