import DarisCore
import DarisRuntime

/// A running system as those who watch it see it.
struct LiveSubject: Sendable {
    /// What it is made of.
    let plan: RunPlan
    /// What it does now; costs nothing however often it is asked for (`Executor.view`).
    let view: @Sendable () -> SystemView
}
