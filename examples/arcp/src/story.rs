//! What a user sees, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ixt::arcp::engine::Timestamp;
use ixt::arcp::{Client, Code, Failure, FinalStatus, Job, ListJobs, Outcome, Submission, Update};
use serde_json::Value;

use crate::agents::{CENTS, PART};
use crate::checks::{Drawn, Ledger, hash, hash_of_map, must};
use crate::process::Process;
use crate::relay::Relay;
use crate::{Done, TOKEN};

/// Parts of the map that is drawn under a cut, and of that which is drawn under a kill.
const PARTS: u64 = 96;
const NIGHT_PARTS: u64 = 48;
/// What either may read and cost, and that in hundredths of USD.
const LEASE: &str = r#"{"fs.read":["/maps/**"],"cost.budget":["USD:2.00"]}"#;
const BUDGET: u64 = 200;
/// How long the network is down, and how long anything may take.
const DOWN: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(60);

/// All that a user has in hand.
struct Story {
    client: Client,
    relay: Relay,
    /// The runtime, as the second client finds it.
    url: String,
    /// What the session has been told of, by number. That of an end is not told to applications.
    numbers: BTreeSet<u64>,
    /// What became of each job.
    jobs: BTreeMap<String, &'static str>,
}

pub(crate) async fn tell() -> Done {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("jobs.db");
    let began = Instant::now();
    let (runtime, url) = Process::runtime(&store).await?;
    println!("a runtime at {url}, process {}, with its jobs in a file by SQLite", runtime.id());
    let relay = Relay::start().await?;
    relay.lead_to(&url);
    let client = Client::connect(&relay.url, TOKEN).await?;
    let session = client.session_id().ok_or("a client without a session")?;
    let agents: Value = serde_json::from_str(&client.agents())?;
    let names: Vec<_> =
        agents.as_array().into_iter().flatten().filter_map(|agent| agent["name"].as_str()).collect();
    must(names == ["atlas", "lamp"], "the agents are atlas and lamp")?;
    println!("    session {session}, agents {}", names.join(" and "));

    let mut story = Story { client, relay, url, numbers: BTreeSet::new(), jobs: BTreeMap::new() };
    story.under_a_cut().await?;
    story.without_money().await?;
    let lamp = story.lamp().await?;
    let other = story.lamp().await?;
    println!("a list of all jobs:");
    story.list().await?;
    story.cancel(other).await?;
    let (runtime, night) = story.under_a_kill(runtime, &store, lamp).await?;
    println!("a list of all jobs, by the runtime that was started again:");
    story.list().await?;
    story.again_by_its_key(&night).await?;

    let ends = u64::try_from(story.jobs.len())?;
    let last = story.numbers.last().copied().unwrap_or_default();
    let told = u64::try_from(story.numbers.len())?;
    // The last thing that was told is an end, whose number is one more.
    must(told + ends - 1 == last, "the session's numbers have no gap but the ends of its jobs")?;
    must(story.client.session_id().as_ref() == Some(&session), "it is one session")?;
    println!(
        "one session over {} connections and two runtimes: {told} events and {ends} ends, numbered without a gap",
        story.relay.connections()
    );
    story.client.close().await;
    drop(runtime);
    println!("all of it as it must be, in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

impl Story {
    /// The next thing that happens in a job, in time.
    async fn next(&mut self, job: &mut Job) -> Done<Option<Update>> {
        let update =
            tokio::time::timeout(PATIENCE, job.next()).await.map_err(|_| "nothing happens any more")?;
        let number = match &update {
            Some(Update::Event(event)) => event.event_seq,
            Some(Update::Chunk { event_seq, .. }) => *event_seq,
            _ => return Ok(update),
        };
        let is_new = self.numbers.insert(number.ok_or("an event without a number")?);
        must(is_new, "no event comes twice")?;
        Ok(update)
    }

    fn ended(&mut self, job: &Job, how: &'static str) {
        self.jobs.insert(job.job_id().to_owned(), how);
    }

    async fn under_a_cut(&mut self) -> Done {
        let mut job = draw(&self.client, PARTS, LEASE, "day").await?;
        let size = (PARTS * PART as u64) >> 20;
        println!("a map of {size} MiB is drawn under a lease of ten minutes and a budget of USD 2.00:");
        println!("    {} by {}", job.job_id(), job.info().agent);
        let (mut ledger, mut drawn) = (Ledger::default(), Drawn::default());
        let (mut watcher, mut cut) = (None, None);
        while let Some(update) = self.next(&mut job).await? {
            ledger.next(&update)?;
            drawn.take(&update)?;
            if !matches!(&update, Update::Event(event) if event.kind == "progress") {
                continue;
            }
            if drawn.parts % 16 == 0 {
                let left = drawn.left.last().copied().unwrap_or_default();
                println!(
                    "    part {} of {PARTS}, event {}, USD {} left",
                    drawn.parts,
                    ledger.last,
                    usd(left)
                );
            }
            if drawn.parts == 24 {
                let mut second = Process::start(&["watch", &self.url, job.job_id()])?;
                must(second.line().await? == "following", "a second client follows")?;
                println!("    a second client, process {}, follows it from its first event", second.id());
                watcher = Some(second);
            }
            if drawn.parts == 40 {
                cut = Some(ledger.last);
                self.relay.cut();
                println!("    the connection is cut behind event {}", ledger.last);
                tokio::time::sleep(DOWN).await;
                self.relay.lead_to(&self.url);
                self.connected(2).await?;
                println!("    {} ms later the network is back, and the session goes on", DOWN.as_millis());
            }
        }
        self.ended(&job, "success");
        let bytes = job.bytes()?;
        must(cut.is_some_and(|cut| cut < ledger.last), "events came behind the cut")?;
        must(bytes.len() as u64 == PARTS * PART as u64, "the map has its size")?;
        let hash = hash(bytes);
        must(hash == hash_of_map(PARTS), "the map is the one that was to be drawn")?;
        println!("    {} bytes, event by event without a gap; SHA-256 as it must be: {}", bytes.len(), hash);
        drawn.paid(BUDGET, CENTS)?;
        must(drawn.left.len() as u64 == PARTS, "every part was paid for")?;
        must(drawn.strays == ["PERMISSION_DENIED"], "what is outside the lease is refused")?;
        println!("    {PARTS} parts paid for, one by one: USD {} left", usd(BUDGET - PARTS * CENTS));
        println!("    /maps/../etc/passwd is not in the lease: {}", drawn.strays.concat());
        let mut watcher = watcher.ok_or("nobody watched")?;
        let seen: Value = serde_json::from_str(&watcher.line().await?)?;
        must(seen["hash"] == hash, "the second client has the same map")?;
        must(seen["events"] == ledger.last && seen["parts"] == PARTS, "and was told as much")?;
        must(watcher.ended().await?, "and ended well")?;
        println!("    the second client was told the same {} events, and has the same map", ledger.last);
        Ok(())
    }

    async fn without_money(&mut self) -> Done {
        let lease = r#"{"fs.read":["/maps/**"],"cost.budget":["USD:0.05"]}"#;
        let mut job = draw(&self.client, PARTS, lease, "poor").await?;
        let mut drawn = Drawn::default();
        while let Some(update) = self.next(&mut job).await? {
            drawn.take(&update)?;
        }
        self.ended(&job, "error");
        drawn.paid(5, CENTS)?;
        must(drawn.left.last() == Some(&0) && drawn.parts == 5, "it drew what it could pay for")?;
        let why = failed(&job, FinalStatus::Error)?;
        must(why.code == Code::BudgetExhausted && !why.retryable, "it ended for want of money")?;
        println!("the same under a budget of USD 0.05, after {} parts: {why}", drawn.parts);
        Ok(())
    }

    async fn lamp(&mut self) -> Done<Job> {
        let mut job = self.client.submit(&Submission::new("lamp")).await?;
        must(self.next(&mut job).await?.is_some(), "the lamp burns")?;
        self.ended(&job, "running");
        Ok(job)
    }

    async fn cancel(&mut self, mut job: Job) -> Done {
        must(!job.cancel("it is day").await?, "it burned until then")?;
        while self.next(&mut job).await?.is_some() {}
        self.ended(&job, "cancelled");
        let why = failed(&job, FinalStatus::Cancelled)?;
        must(why.code == Code::Cancelled, "it was cancelled")?;
        println!("{} is cancelled: {why}", job.job_id());
        Ok(())
    }

    async fn under_a_kill(
        &mut self,
        runtime: Process,
        store: &Path,
        mut lamp: Job,
    ) -> Done<(Process, String)> {
        let mut job = draw(&self.client, NIGHT_PARTS, LEASE, NIGHT).await?;
        println!("another map is drawn: {}", job.job_id());
        let mut drawn = Drawn::default();
        while drawn.parts < 16 {
            let update = self.next(&mut job).await?.ok_or("it ended before the runtime did")?;
            drawn.take(&update)?;
        }
        let id = runtime.id();
        let died = runtime.kill().await?;
        must(died.contains("SIGKILL"), "the runtime was killed")?;
        self.relay.cut();
        println!("    at part {} the runtime, process {id}, is killed: {died}", drawn.parts);
        let (runtime, url) = Process::runtime(store).await?;
        self.relay.lead_to(&url);
        self.url = url;
        self.connected(3).await?;
        println!("    started again as process {}, on the same file; the session goes on", runtime.id());

        while self.next(&mut lamp).await?.is_some() {}
        self.ended(&lamp, "error");
        let why = failed(&lamp, FinalStatus::Error)?;
        must(why.code == Code::InternalError && why.retryable, "a lamp that went out may be lit again")?;
        println!("    {}, whose agent died: {why} (retryable)", lamp.job_id());

        while let Some(update) = self.next(&mut job).await? {
            drawn.take(&update)?;
        }
        self.ended(&job, "success");
        must(drawn.attempts == ["attempt 1", "attempt 2"], "the map was begun again")?;
        must(hash(job.bytes()?) == hash_of_map(NIGHT_PARTS), "the map is the one that was to be drawn")?;
        drawn.paid(BUDGET, CENTS)?;
        let spent = BUDGET - drawn.left.last().copied().unwrap_or_default();
        must(spent >= (16 + NIGHT_PARTS) * CENTS, "what the first attempt spent is spent")?;
        println!(
            "    {}, whose agent is restartable, was started again and is whole: {} bytes, both attempts paid: USD {}",
            job.job_id(),
            job.bytes()?.len(),
            usd(spent)
        );
        Ok((runtime, job.job_id().to_owned()))
    }

    /// The same key is the same job, before and behind the end of a runtime; and its result is read again.
    async fn again_by_its_key(&self, night: &str) -> Done {
        // A session of its own: in this one the job's events have been told.
        let client = Client::connect(&self.url, TOKEN).await?;
        let again = draw(&client, NIGHT_PARTS, LEASE, NIGHT).await?;
        must(again.job_id() == night, "the same key is the same job")?;
        println!("submitted again by its idempotency key, it is the same job: {night}");
        client.close().await;
        let mut second = Process::start(&["watch", &self.url, night])?;
        must(second.line().await? == "following", "a second client follows")?;
        let seen: Value = serde_json::from_str(&second.line().await?)?;
        must(seen["hash"] == hash_of_map(NIGHT_PARTS), "a second client reads the same map again")?;
        must(second.ended().await?, "and ends well")?;
        println!("    read again from its first event, {} of them: the same map", seen["events"]);
        Ok(())
    }

    /// Lists all jobs, page by page, and holds them against what became of each.
    async fn list(&self) -> Done {
        let mut found = BTreeMap::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut wanted = ListJobs { limit: Some(2), ..ListJobs::default() };
            wanted.cursor = cursor.as_deref().map(Into::into);
            let page = self.client.list_jobs(&wanted).await?;
            for job in page.jobs {
                let last = job.last_event_seq.unwrap_or_default();
                println!("    {}  {:<11}  {:<9}  {last:>3} events", job.job_id, job.agent, job.status);
                found.insert(job.job_id, job.status);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let due: BTreeMap<_, _> = self.jobs.iter().map(|(id, how)| (id.clone(), (*how).to_owned())).collect();
        must(found == due, &format!("these are the jobs, and what became of them: {due:?}"))
    }

    /// Waits until the client has come so often.
    async fn connected(&self, times: u32) -> Done {
        let end = Instant::now() + PATIENCE;
        while self.relay.connections() < times {
            must(Instant::now() < end, "the client connects again")?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

/// Submits what draws a map.
async fn draw(client: &Client, parts: u64, lease: &str, key: &str) -> Done<Job> {
    let until = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() + 600_000_000;
    let until = Timestamp::from_micros(i64::try_from(until)?).ok_or("a time out of bounds")?.to_string();
    let input = format!(r#"{{"parts":{parts}}}"#);
    let wanted = Submission::new("atlas").with_input(&input).with_lease(lease).with_key(key);
    // The same key is the same job only where all else is the same.
    let wanted = if key == NIGHT { wanted } else { wanted.with_expiry(&until) };
    Ok(client.submit(&wanted).await?)
}

/// The key of the map that is drawn under a kill.
const NIGHT: &str = "night";

fn failed(job: &Job, how: FinalStatus) -> Done<Failure> {
    match job.outcome() {
        Some(Outcome::Failed(status, why)) if *status == how => Ok(why.clone()),
        other => Err(format!("{} is due to end as {}: {other:?}", job.job_id(), how.as_str()).into()),
    }
}

fn usd(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
