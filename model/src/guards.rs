//! The guards of the design, each a switch. Where each stands in the code, and which test shows
//! what goes wrong without it, is in `docs/model.md`.

macro_rules! guards {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What protects an order, a payment or a unit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Guard { $($(#[$doc])* $name,)* }

        impl Guard {
            /// Every guard there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

guards! {
    // Stock.
    /// `reserve` decides while it holds the lock of the stock.
    StockLockedWhileDecided,
    /// An order is written once, whoever asks again.
    OrderWrittenOnce,
    /// Only the run that wrote the order is told that it holds.
    OnlyItsOwnRunHolds,
    /// `commit` takes only a hold that is open.
    CommitOnlyOpenHolds,
    /// `commit` answers a repeated call as it answered the first.
    CommitAnswersAlike,
    /// `release` takes only a hold that is open.
    ReleaseOnlyOpenHolds,
    /// `return_units` takes only an order that is confirmed.
    ReturnOnlyConfirmed,

    // Attempts to pay.
    /// The handler of `pay` refuses once the hold's time is up.
    LatePayRefused,
    /// The undo of `authorize` is recorded before it is called.
    UndoBeforeRisk,
    /// An attempt begins only in an order that waits for one.
    AttemptOnlyWhileWaiting,
    /// An attempt begins once: a later number than the latest one.
    AttemptBegunOnce,
    /// An attempt that is not the latest one is not taken up again.
    OnlyTheLatestResumed,
    /// A run that begins after the hold's end does not charge.
    NoChargeAfterHold,
    /// The intent is created under a key made of the order.
    CreateKey,
    /// It is confirmed under a key made of order and attempt.
    ConfirmKey,
    /// Its id is kept before it is confirmed.
    IntentKeptBeforeConfirm,
    /// Its id is kept only while the order is `paying`.
    IntentKeptOnlyWhilePaying,
    /// What the provider says of an attempt is recorded only for that attempt.
    AnswerOfItsAttempt,
    /// `inspect` speaks of the attempt that its workflow asks about.
    LookOfItsAttempt,
    /// After the hold's end a payment that has not moved is not told of.
    NoDeclineAfterHold,
    /// Who may not keep an intent reads what was decided of the attempt meanwhile.
    DecisionReadAgain,

    // The way out.
    /// `close_payment` first lets no attempt begin any more.
    ClosingBeforeLook,
    /// An attempt whose intent never came is asked for again under its key.
    CreateToClose,
    /// An intent on which money can still move is cancelled before the units go back.
    CancelBeforeRelease,
    /// A cancel that was refused is not taken for one that was granted.
    CancelObserved,
    /// Before a cancel or a refund the hold says so, and is not committed any more.
    CallingOffFirst,
    /// A cancel that was refused is taken back there.
    RefusalTakenBack,
    /// So does it before a payment is said to be at rest.
    RestIsDecided,
    /// Before a cancel or a refund the row is read again.
    StillUnpaid,
    /// What was authorized before the hold ended buys.
    PaidInTimeBuys,
    /// A payment whose end was not seen within the grace is handed to `settle`.
    SettleAfterGrace,
    /// One whose id was not heard within the grace is asked for by `conclude`.
    ConcludeAfterGrace,

    // Capturing.
    /// Only a confirmed order is captured.
    CaptureOnlyConfirmed,
    /// It is captured under a key made of the order.
    CaptureKey,
    /// A payment that could not be captured is handed to `settle`.
    SettleAfterFailedCapture,

    // Beside the order.
    /// A provider's event only makes the order look for itself.
    EventIsNoFact,
    /// An order without a workflow is found and concluded.
    Reconciliation,
    /// Its workflow is asked for with Describe before it is concluded.
    DescribeBeforeConclude,
}

/// Those guards that stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards(u64);

impl Guards {
    /// The design as it is.
    #[must_use]
    pub const fn all() -> Self {
        Self(u64::MAX)
    }

    /// These, without one more.
    #[must_use]
    pub const fn without(self, guard: Guard) -> Self {
        Self(self.0 & !(1 << guard as u64))
    }

    /// Whether this one stands.
    #[must_use]
    pub const fn have(self, guard: Guard) -> bool {
        self.0 & (1 << guard as u64) != 0
    }
}
