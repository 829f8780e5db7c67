//! What a runtime is told before it begins.

use crate::envelope::FrameLimits;
use crate::features::Features;
use crate::lease::LeaseSettings;

/// The settings of a runtime. The defaults are safe against hostile clients.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// The runtime's name, as the welcome says it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it says that it can: all, but credentials only where `credentials` is set.
    pub features: Features,
    /// How large and how deep a frame may be.
    pub frame: FrameLimits,
    /// How long a hello may take, in milliseconds: 10 s.
    pub hello_ms: u32,
    /// How often something should come, and go, on a session that has heartbeats, in milliseconds: 30 s (§6.4). The
    /// connection ends after two such times of silence.
    pub heartbeat_ms: u32,
    /// How long a session without a connection can be resumed, in milliseconds: 10 min (§6.3).
    pub resume_window_ms: u32,
    /// How long it can where its client has not yet said that it is done with all events, in milliseconds: 24 h (§6.5).
    pub unacked_window_ms: u32,
    /// Sessions of one principal: 100. A newcomer takes the place of the one that was left longest ago; where all are
    /// connected it is refused.
    pub max_sessions: usize,
    /// Sessions of all principals: 10,000.
    pub max_sessions_total: usize,
    /// Jobs of one session that have not ended: 1,000.
    pub max_jobs: usize,
    /// Entries of a list, and what a client may ask for at most: 1,000 (§6.6).
    pub max_list: usize,
    /// Longest time that a job may run and that its lease may last, in seconds: a year.
    pub max_runtime_sec: u32,
    /// Bytes of a chunk of a streamed result, decoded: 512 KiB (§14).
    pub max_chunk: usize,
    /// Bytes of a result, streamed or gathered: 256 MiB (§14).
    pub max_result: usize,
    /// Bytes of the body of one event, and of an inline result: 1 MiB.
    pub max_body: usize,
    /// How long a lease outlives its end, in milliseconds: 0; at most 1,000 (§14).
    pub expiry_grace_ms: u32,
    /// What leases may be, and whether one that does not name `model.use` allows every model (§9.7).
    pub lease: LeaseSettings,
    /// Whether a job of others is answered as one that does not exist: false (§7.6 says `PERMISSION_DENIED`).
    pub conceal_existence: bool,
    /// Whether the application is asked about jobs of others that a principal's scope does not reach (§7.6): false.
    /// Who sets it answers [`Event::Permit`](super::Event::Permit). A job that `conceal_existence` hides is then hidden
    /// from who reads the answers, and not from who takes their time.
    pub policy: bool,
    /// Whether jobs get credentials of upstream services (§9.8): false. Who sets it answers
    /// [`Event::Provision`](super::Event::Provision).
    pub credentials: bool,
    /// Whether peers that are known to read or say things otherwise than §§6–9 are met half-way: true.
    pub dialects: bool,
    /// Whether there is a store behind the engine: false. Where there is, nothing is told to a client before it is
    /// stored, and what was dropped from memory is loaded.
    pub store: bool,
    /// Events of one connected reader that may wait before the agents that it reads have to wait: 1,024. They wait too
    /// where it has not been told the last quarter of what `max_log` keeps of a job.
    pub backlog: usize,
    /// Bytes of one job's events that are kept in memory: 4 MiB with a store, from which older ones are loaded; without
    /// one, what is dropped cannot be read again.
    pub max_log: usize,
    /// Bytes of all jobs' events in memory: 256 MiB. Beyond it those of ended jobs go first.
    pub max_logs: usize,
    /// Bytes of events that may wait for the store before agents have to wait: 8 MiB.
    pub max_unstored: usize,
    /// How long agents wait for a reader that does not read, in milliseconds: 5 s. Then it is read to from what is
    /// kept, at its own pace, and they go on.
    pub patience_ms: u32,
    /// Ended jobs that are kept: 10,000, and none for longer than the resume window.
    pub max_ended: usize,
    /// How long an idempotency key stands for its job, in milliseconds: 24 h (§7.2).
    pub idempotency_ms: u32,
    /// Idempotency keys that are kept: 100,000. The oldest go first.
    pub max_idempotency: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "ixt".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            features: Features::ALL,
            frame: FrameLimits::default(),
            hello_ms: 10_000,
            heartbeat_ms: 30_000,
            resume_window_ms: 600_000,
            unacked_window_ms: 86_400_000,
            max_sessions: 100,
            max_sessions_total: 10_000,
            max_jobs: 1000,
            max_list: 1000,
            max_runtime_sec: 366 * 86_400,
            max_chunk: 512 << 10,
            max_result: 256 << 20,
            max_body: 1 << 20,
            expiry_grace_ms: 0,
            lease: LeaseSettings::default(),
            conceal_existence: false,
            policy: false,
            credentials: false,
            dialects: true,
            store: false,
            backlog: 1024,
            max_log: 4 << 20,
            max_logs: 256 << 20,
            max_unstored: 8 << 20,
            patience_ms: 5000,
            max_ended: 10_000,
            idempotency_ms: 86_400_000,
            max_idempotency: 100_000,
        }
    }
}
