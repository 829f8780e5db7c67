//! Who provides what.

use std::collections::{BTreeMap, HashMap};

use ixt_core::stream::InteractionKind;

use crate::ends::LinkId;
use crate::message::ServiceOffer;

/// What modules have announced.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    modules: BTreeMap<String, Announced>,
    services: BTreeMap<String, Vec<Provider>>,
    topics: BTreeMap<String, Vec<LinkId>>,
    endpoints: HashMap<String, LinkId>,
    /// Moves on with every choice among providers that are equally busy.
    turn: usize,
}

/// A module that is announced.
#[derive(Debug)]
pub(crate) struct Announced {
    pub(crate) link: LinkId,
    pub(crate) services: Vec<ServiceOffer>,
    pub(crate) topics: Vec<String>,
}

#[derive(Debug)]
struct Provider {
    link: LinkId,
    kinds: Vec<InteractionKind>,
    requires: String,
}

/// Why no provider was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoProvider {
    /// Nobody provides it.
    Unknown,
    /// Nobody answers calls of this kind.
    Kind,
}

impl Registry {
    pub(crate) fn announce(&mut self, module: String, announced: Announced) {
        for offer in &announced.services {
            self.services.entry(offer.name.clone()).or_default().push(Provider {
                link: announced.link,
                kinds: offer.kinds.clone(),
                requires: offer.requires.clone(),
            });
        }
        for topic in &announced.topics {
            self.topics.entry(topic.clone()).or_default().push(announced.link);
        }
        self.modules.insert(module, announced);
    }

    /// Takes a module out, with all that it provides.
    pub(crate) fn withdraw(&mut self, module: &str) {
        let Some(announced) = self.modules.remove(module) else { return };
        let link = announced.link;
        for offer in &announced.services {
            if let Some(providers) = self.services.get_mut(&offer.name) {
                providers.retain(|provider| provider.link != link);
                if providers.is_empty() {
                    self.services.remove(&offer.name);
                }
            }
        }
        for topic in &announced.topics {
            if let Some(links) = self.topics.get_mut(topic) {
                links.retain(|other| *other != link);
                if links.is_empty() {
                    self.topics.remove(topic);
                }
            }
        }
        self.endpoints.retain(|_, other| *other != link);
    }

    pub(crate) fn module(&self, name: &str) -> Option<&Announced> {
        self.modules.get(name)
    }

    pub(crate) fn modules(&self) -> impl Iterator<Item = (&String, &Announced)> {
        self.modules.iter()
    }

    /// The provider of a service that is least busy, and what a caller needs. Among equals they take turns; the
    /// caller itself is the last choice.
    pub(crate) fn provider(
        &mut self,
        service: &str,
        kind: InteractionKind,
        caller: LinkId,
        busy: impl Fn(LinkId) -> Option<usize>,
    ) -> Result<(LinkId, &str), NoProvider> {
        let providers = self.services.get(service).ok_or(NoProvider::Unknown)?;
        self.turn = self.turn.wrapping_add(1);
        let count = providers.len();
        let answers = |provider: &Provider| provider.kinds.is_empty() || provider.kinds.contains(&kind);
        let found = (0..count)
            .filter_map(|index| providers.get((index + self.turn) % count))
            .filter(|provider| answers(provider))
            .filter_map(|provider| Some((provider, (provider.link == caller, busy(provider.link)?))))
            .min_by_key(|(_, order)| *order);
        match found {
            Some((provider, _)) => Ok((provider.link, &provider.requires)),
            None if providers.iter().any(answers) => Err(NoProvider::Unknown),
            None => Err(NoProvider::Kind),
        }
    }

    /// All who want a broadcast; of the empty topic, all modules.
    pub(crate) fn subscribers(&self, topic: &str) -> Vec<LinkId> {
        if topic.is_empty() {
            return self.modules.values().map(|announced| announced.link).collect();
        }
        self.topics.get(topic).cloned().unwrap_or_default()
    }

    pub(crate) fn open_endpoint(&mut self, name: String, link: LinkId) {
        self.endpoints.insert(name, link);
    }

    /// Only its owner closes an endpoint.
    pub(crate) fn close_endpoint(&mut self, name: &str, link: LinkId) {
        if self.endpoints.get(name) == Some(&link) {
            self.endpoints.remove(name);
        }
    }

    pub(crate) fn endpoint(&self, name: &str) -> Option<LinkId> {
        self.endpoints.get(name).copied()
    }

    /// Services and topics of which somebody is there.
    pub(crate) fn names(&self) -> usize {
        self.services.len() + self.topics.len()
    }

    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    pub(crate) fn endpoints_of(&self, link: LinkId) -> usize {
        self.endpoints.values().filter(|other| **other == link).count()
    }
}
