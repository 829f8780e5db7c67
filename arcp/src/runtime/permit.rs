//! What the application is asked before jobs of others are shown or cancelled (ARCP §§6.6, 7.4, 7.6).

use std::sync::Arc;

use super::connection::Phase;
use super::leave::{Ask, Parked};
use super::output::Operation;
use super::{Audit, ConnectionId, Event, JobKey, PermitId, Runtime, SessionKey};
use crate::envelope::Envelope;
use crate::error::Refusal;

/// Requests of one session that may wait, and their bytes: who goes on asking fills no memory.
const MAX_PARKED: usize = 64;
const MAX_PARKED_BYTES: usize = 1 << 20;

impl Runtime {
    /// What the application says to [`Event::Permit`]: the request goes on as if the principal's scope reached exactly
    /// these jobs too. Nothing happens where its connection has gone meanwhile.
    pub fn permitted(&mut self, ticket: PermitId, allowed: &[JobKey], now_us: u64) {
        self.tick(now_us);
        let Some(id) = self.permits.remove(&ticket) else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Phase::Open(session) = connection.phase else { return };
        let place = connection.parked.iter().position(|parked| parked.ticket == ticket);
        let Some(parked) = place.map(|place| connection.parked.remove(place)) else { return };
        let mut allowed = allowed.to_vec();
        allowed.sort_unstable();
        // It was read before.
        if let Ok(envelope) = Envelope::read(&parked.frame, self.settings.frame) {
            self.heed(id, session, &envelope, &parked.frame, Some(&allowed));
        }
    }

    /// Asks the application.
    pub(super) fn park(
        &mut self,
        id: ConnectionId,
        session: SessionKey,
        frame: &[u8],
        ask: Ask,
    ) -> Result<(), Refusal> {
        let ticket = PermitId(self.key());
        let (Some(connection), Some(session)) = (self.connections.get_mut(&id), self.sessions.get(&session))
        else {
            return Ok(());
        };
        let principal = Arc::clone(&session.principal.name);
        let bytes: usize = connection.parked.iter().map(|parked| parked.frame.len()).sum();
        if connection.parked.len() >= MAX_PARKED || bytes + frame.len() > MAX_PARKED_BYTES {
            // Who asked to see a job is known, whatever came of it.
            if let (Operation::Subscribe, Some(job)) =
                (ask.operation, ask.jobs.first().and_then(|job| self.jobs.get(job)))
            {
                let (job_id, owner) = (job.id.to_string(), Some(Arc::clone(&job.principal)));
                let audit = Audit::Subscribe { subscriber: principal, job_id, owner, allowed: false };
                self.events.push_back(Event::Audit(audit));
            }
            return Err(Refusal::denied("the session has too many requests that wait for a policy (§7.6)"));
        }
        connection.parked.push(Parked { ticket, frame: frame.into() });
        self.permits.insert(ticket, id);
        let Ask { operation, jobs } = ask;
        self.events.push_back(Event::Permit { ticket, principal, operation, jobs });
        Ok(())
    }

    /// Nobody waits for these any more.
    pub(super) fn unpark(&mut self, parked: Vec<Parked>) {
        for parked in parked {
            self.permits.remove(&parked.ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::agent::{AgentRef, Inventory};
    use crate::runtime::{ConnectionId, Event, PermitId, Principal, Runtime, Settings};

    fn welcomed(runtime: &mut Runtime, name: &str) -> ConnectionId {
        let id = runtime.connect(1);
        let hello = br#"{"type":"session.hello","payload":{"auth":{"scheme":"bearer","token":"t"},
            "capabilities":{"features":["subscribe"]}}}"#;
        runtime.receive(id, hello, 1);
        runtime.authenticated(id, Ok(Principal::new(name)), 1);
        id
    }

    fn asked(runtime: &mut Runtime) -> Vec<PermitId> {
        let mut asked = Vec::new();
        while let Some(event) = runtime.poll_event() {
            if let Event::Permit { ticket, .. } = event {
                asked.push(ticket);
            }
        }
        asked
    }

    #[test]
    fn nothing_is_left_of_what_was_answered_or_is_gone() {
        let settings = Settings { policy: true, ..Settings::default() };
        let mut inventory = Inventory::default();
        inventory.register(AgentRef::parse("slow").unwrap()).unwrap();
        let mut runtime = Runtime::new(settings, inventory, [7; 32], 1);
        let (owner, other) = (welcomed(&mut runtime, "a"), welcomed(&mut runtime, "b"));
        runtime.receive(owner, br#"{"type":"job.submit","payload":{"agent":"slow"}}"#, 1);
        let job_id = runtime.job_ids.keys().next().unwrap().to_string();
        let frame = format!(r#"{{"type":"job.subscribe","payload":{{"job_id":"{job_id}"}}}}"#);
        runtime.receive(other, frame.as_bytes(), 1);
        runtime.receive(other, frame.as_bytes(), 1);
        let tickets = asked(&mut runtime);
        assert_eq!((tickets.len(), runtime.permits.len()), (2, 2));
        runtime.permitted(tickets[0], &[], 1);
        assert_eq!((runtime.permits.len(), runtime.connections[&other].parked.len()), (1, 1));
        // Once its session is closed, an answer is late.
        runtime.receive(other, br#"{"type":"session.close","payload":{}}"#, 1);
        runtime.permitted(tickets[1], &[], 1);
        assert!(runtime.permits.is_empty());
        runtime.transport_ended(other, 1);

        let third = welcomed(&mut runtime, "b");
        runtime.receive(third, frame.as_bytes(), 1);
        assert_eq!(runtime.permits.len(), 1);
        runtime.transport_ended(third, 1);
        assert!(runtime.permits.is_empty());
    }
}
