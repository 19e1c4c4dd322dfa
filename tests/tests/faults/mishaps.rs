//! What befalls an activity of one workflow: it fails before its effect or after it, once or
//! always, or it is held up until the test says go on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use system_tests::within;
use temporalio_sdk::{
    ApplicationFailure,
    activities::ActivityError,
    interceptors::{ActivityInboundInterceptor, ExecuteActivityInput, ExecuteActivityOutput, Next},
};
use tokio::sync::watch;

/// How long an order may take to come to where something befalls it.
const MET_WITHIN: Duration = Duration::from_mins(1);

/// Where in an activity's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing was done yet.
    BeforeEffect,
    /// It was done; nobody hears of it.
    AfterEffect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Fails this many times, and is tried again.
    Fails(u32),
    /// Fails, and is not tried again.
    FailsForGood,
    /// Waits to be let go.
    Waits,
}

/// Something that befalls one activity of one workflow.
pub struct Mishap {
    workflow: String,
    activity: String,
    moment: Moment,
    kind: Kind,
    /// How often it was met.
    met: watch::Sender<u32>,
    over: watch::Sender<bool>,
}

impl Mishap {
    /// How often it has happened.
    pub fn times(&self) -> u32 {
        *self.met.borrow()
    }

    /// Waits until it has happened.
    pub async fn has_happened(&self) {
        let what = format!("{} of {} meets its mishap", self.activity, self.workflow);
        let mut met = self.met.subscribe();
        drop(within(&what, MET_WITHIN, met.wait_for(|&times| times > 0)).await);
    }

    /// From now on nothing befalls that activity; whoever waits goes on.
    pub fn end(&self) {
        self.over.send_replace(true);
    }

    async fn befall(&self) -> Result<(), ActivityError> {
        let times = self.times();
        if *self.over.borrow() {
            return Ok(());
        }
        if matches!(self.kind, Kind::Fails(most) if times >= most) {
            return Ok(());
        }
        self.met.send_replace(times + 1);
        match self.kind {
            Kind::Fails(_) | Kind::FailsForGood => {
                let why = anyhow::anyhow!("a test failed {} {:?}", self.activity, self.moment);
                let failure = ApplicationFailure::builder(why)
                    .non_retryable(self.kind == Kind::FailsForGood)
                    .build();
                Err(ActivityError::application(failure))
            }
            Kind::Waits => {
                drop(self.over.subscribe().wait_for(|&over| over).await);
                Ok(())
            }
        }
    }
}

/// Everything that befalls the activities of a worker.
#[derive(Clone, Default)]
pub struct Mishaps(Arc<Mutex<Vec<Arc<Mishap>>>>);

impl Mishaps {
    /// `activity` of `workflow` fails once at `moment`.
    pub fn fails_once(&self, workflow: &str, activity: &str, moment: Moment) -> Arc<Mishap> {
        self.fails(1, workflow, activity, moment)
    }

    /// `activity` of `workflow` fails so often at `moment`.
    pub fn fails(&self, times: u32, workflow: &str, activity: &str, moment: Moment) -> Arc<Mishap> {
        self.add(workflow, activity, moment, Kind::Fails(times))
    }

    /// `activity` of `workflow` fails at `moment`, however often it is tried.
    pub fn fails_always(&self, workflow: &str, activity: &str, moment: Moment) -> Arc<Mishap> {
        self.fails(u32::MAX, workflow, activity, moment)
    }

    /// `activity` of `workflow` fails at `moment`, and is given up.
    pub fn fails_for_good(&self, workflow: &str, activity: &str, moment: Moment) -> Arc<Mishap> {
        self.add(workflow, activity, moment, Kind::FailsForGood)
    }

    /// `activity` of `workflow` waits at `moment` until the mishap is ended.
    pub fn waits(&self, workflow: &str, activity: &str, moment: Moment) -> Arc<Mishap> {
        self.add(workflow, activity, moment, Kind::Waits)
    }

    fn add(&self, workflow: &str, activity: &str, moment: Moment, kind: Kind) -> Arc<Mishap> {
        let mishap = Arc::new(Mishap {
            workflow: workflow.to_owned(),
            activity: activity.to_owned(),
            moment,
            kind,
            met: watch::Sender::new(0),
            over: watch::Sender::new(false),
        });
        self.lock().push(Arc::clone(&mishap));
        mishap
    }

    fn of(&self, input: &ExecuteActivityInput) -> Vec<Arc<Mishap>> {
        let info = input.activity_info();
        let befalls = |mishap: &&Arc<Mishap>| {
            info.workflow_id.as_deref() == Some(&mishap.workflow)
                && info.activity_type == mishap.activity
        };
        self.lock().iter().filter(befalls).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Mishap>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ActivityInboundInterceptor for Mishaps {
    fn execute_activity<'a>(
        &'a self,
        input: ExecuteActivityInput,
        next: Next<'a, ExecuteActivityInput, ExecuteActivityOutput<'a>>,
    ) -> ExecuteActivityOutput<'a> {
        let mishaps = self.of(&input);
        async move {
            let at = |moment| mishaps.iter().filter(move |mishap| mishap.moment == moment);
            for mishap in at(Moment::BeforeEffect) {
                mishap.befall().await?;
            }
            // A run that failed by itself had no effect to lose the answer of.
            let done = next.run(input).await?;
            for mishap in at(Moment::AfterEffect) {
                mishap.befall().await?;
            }
            Ok(done)
        }
        .boxed()
    }
}
