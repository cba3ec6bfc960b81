//! What one screen shows, and how it is kept as it is now by the watches.

use crate::{
    client::{Change, Feed, escape, query},
    context::Context,
    exit::{Exit, Outcome},
    listed::Listed,
    output::{Clock, Style},
    show::{self, lists},
};
use model::view::{Health, RunState, RunView};
use wire::api::{FollowView, List, StoredHost, StoredScenario};

/// The things of one kind that a screen may show.
pub struct Section<T> {
    /// Of one thing only.
    name: Option<String>,
    pub items: Vec<T>,
    /// Whether changes may have been missed, so that the list has to be asked for again.
    stale: bool,
}

impl<T: Listed> Section<T> {
    pub async fn ask(cx: &Context, name: Option<&str>) -> Outcome<Self> {
        let mut section = Self { name: name.map(str::to_owned), items: Vec::new(), stale: true };
        section.refresh(cx).await?;
        Ok(section)
    }

    async fn refresh(&mut self, cx: &Context) -> Outcome<()> {
        self.items = match &self.name {
            Some(name) => vec![cx.client.get(&format!("{}/{}", T::PATH, escape(name))).await?],
            None => cx.client.get::<List<T>>(T::PATH).await?.items,
        };
        self.stale = false;
        Ok(())
    }

    pub fn feed(&self, cx: &Context) -> Feed {
        Feed::new(&cx.client, query(&[("kind", Some(T::KIND)), ("name", self.name.as_deref())]))
    }

    /// Takes up what a feed tells. A controller that goes away again meanwhile is waited for.
    pub async fn take(&mut self, cx: &Context, change: Change) -> Outcome<()> {
        match change {
            Change::Ended(failure) => return Err(failure),
            Change::Lost(_) => return Ok(()),
            Change::Connected => self.stale = true,
            Change::Event(event) if event.deleted.is_some() => self.stale = true,
            Change::Event(event) => self.put(T::of(*event)),
        }
        if !self.stale {
            return Ok(());
        }
        match self.refresh(cx).await {
            Err(failure) if failure.exit == Exit::NoAnswer => Ok(()),
            outcome => outcome,
        }
    }

    /// A thing that was not known stands where the controller lists it.
    fn put(&mut self, item: Option<T>) {
        let Some(item) = item else { return };
        match self.items.iter_mut().find(|known| known.name() == item.name()) {
            Some(known) => *known = item,
            None => self.stale = true,
        }
    }
}

/// One screen over everything, or over one scenario.
pub struct Board {
    pub scenarios: Section<StoredScenario>,
    /// Only where more than the scenarios is shown.
    pub runs: Option<Section<RunView>>,
    /// Only where everything is shown.
    pub hosts: Option<Section<StoredHost>>,
    /// What the controller takes manifests from; only where everything is shown.
    pub follow: Option<FollowView>,
}

/// How what is followed stands; `None` where nothing is, or the controller cannot.
async fn followed(cx: &Context) -> Outcome<Option<FollowView>> {
    match cx.client.get("/v1/follow").await {
        Ok(view) => Ok(Some(view)),
        Err(failure) if failure.exit == Exit::No => Ok(None),
        Err(failure) => Err(failure),
    }
}

impl Board {
    pub async fn ask(cx: &Context, name: Option<&str>, scenarios_only: bool) -> Outcome<Self> {
        let scenarios = Section::ask(cx, name).await?;
        let (mut runs, mut hosts, mut follow) = (None, None, None);
        if !scenarios_only {
            runs = Some(Section::ask(cx, None).await?);
        }
        if !scenarios_only && name.is_none() {
            hosts = Some(Section::ask(cx, None).await?);
            follow = followed(cx).await?;
        }
        Ok(Self { scenarios, runs, hosts, follow })
    }

    /// Looks again at what is followed, which no watch tells.
    pub async fn look_at_follow(&mut self, cx: &Context) -> Outcome<()> {
        if self.hosts.is_none() {
            return Ok(());
        }
        match followed(cx).await {
            Ok(follow) => self.follow = follow,
            Err(failure) if failure.exit == Exit::NoAnswer => {}
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Whether every scenario is ok.
    pub fn fine(&self) -> bool {
        self.scenarios.items.iter().all(|scenario| scenario.status.health == Health::Ok)
    }

    fn open_runs(&self) -> Vec<RunView> {
        let scenarios = &self.scenarios.items;
        let shown = |run: &RunView| scenarios.iter().any(|scenario| scenario.metadata.name == run.scenario.0);
        let open = |run: &&RunView| matches!(run.state, RunState::Running | RunState::Paused) && shown(run);
        self.runs.iter().flat_map(|section| &section.items).filter(open).cloned().collect()
    }

    fn missing_hosts(&self) -> Vec<StoredHost> {
        let hosts = self.hosts.iter().flat_map(|section| &section.items);
        hosts.filter(|host| !host.status.connected).cloned().collect()
    }

    pub fn lines(&self, clock: &Clock, style: Style) -> Vec<String> {
        let (runs, hosts) = (self.open_runs(), self.missing_hosts());
        let mut lines = Vec::new();
        if !self.scenarios.items.is_empty() {
            lines.extend(lists::scenarios(&self.scenarios.items, false).render(style));
        }
        if !runs.is_empty() {
            lines.push(String::new());
            lines.extend(lists::runs(&runs, clock).render(style));
        }
        if !hosts.is_empty() {
            lines.push(String::new());
            lines.extend(lists::hosts(&hosts, false, clock).render(style));
        }
        if let Some(warning) = self.follow.as_ref().and_then(|view| show::follow::warning(view, style)) {
            lines.extend([String::new(), warning]);
        }
        lines
    }

    /// What has to differ for the screen to be worth showing again; a lag that is known changes all the time.
    pub fn essence(&self) -> Vec<(String, String)> {
        let lag_known = |item: &StoredScenario| lists::worst_lag(&item.status) != lists::Behind::Unknown;
        let of_scenario = |item: &StoredScenario| (item.name(), format!("{} {}", item.essence(), lag_known(item)));
        let mut essence: Vec<_> = self.scenarios.items.iter().map(of_scenario).collect();
        essence.extend(self.open_runs().iter().map(|item| (item.name(), item.essence())));
        essence.extend(self.missing_hosts().iter().map(|item| (item.name(), item.essence())));
        essence
    }
}
