/// A recorded run as it goes on again: a fresh scheduler is fed the events and must decide what was decided then.
///
/// ```swift
/// var replay = RecordReplay(reader.configuration)
/// while let entry = try reader.next() {
///     if let mismatch = replay.take(entry) { … }
/// }
/// print(replay.summary(of: reader.plan, end: end).hp.dmr)
/// ```
///
/// Between two entries `scheduler` is as it was then, so that everything it knew can be looked at.
package struct RecordReplay: ~Copyable {
    /// The scheduler after the latest event.
    package private(set) var scheduler: Scheduler
    /// What the scheduler decided at the latest event.
    package private(set) var commands = CommandBuffer()
    /// What has been counted, as the driver of the run counted it; decisions and hand-overs are not in a record.
    package private(set) var ledger: RunLedger
    private var matched = 0
    private var taken = 0
    private var last: (event: Event, time: Nanoseconds)?

    /// A replay of no entry yet.
    ///
    /// - Precondition: the configuration is valid, as a reader makes sure.
    package init(_ configuration: SchedulerConfiguration) {
        scheduler = Scheduler(configuration)
        ledger = RunLedger(configuration)
    }

    /// Takes in the next entry: an event is handed to the scheduler, a command compared with the scheduler's.
    ///
    /// - Precondition: every released task exists, as a reader makes sure.
    /// - Returns: the difference, if there is one; the replay cannot go on after it.
    package mutating func take(_ entry: RecordEntry) -> RecordMismatch? {
        defer { taken += 1 }
        switch entry.content {
        case .event(let event):
            if matched < commands.count { return mismatch(recorded: nil) }
            scheduler.handle(event, at: entry.time, into: &commands)
            ledger.observe(event, at: entry.time, commands)
            matched = 0
            last = (event, entry.time)
        case .command(let command):
            guard matched < commands.count, commands[matched] == command else { return mismatch(recorded: command) }
            matched += 1
        case .trace: break
        }
        return nil
    }

    /// Whether commands are missing at the end.
    package func finish() -> RecordMismatch? { matched < commands.count ? mismatch(recorded: nil) : nil }

    /// The figures of the run.
    ///
    /// - Parameter end: when it ended. A real run that ended before its time was interrupted then; one without a duration, a
    ///   server's, lasted until then.
    /// - Parameter energy: as the record has it.
    package func summary(of plan: RunPlan, end: Nanoseconds, energy: RecordedEnergy? = nil) -> RunSummary {
        let duration = plan.durationS.map { seconds in
            Nanoseconds.seconds(min(max(seconds, 0), RunRecord.latestTime.inSeconds))
        }
        let released = duration.map { plan.simulated ? $0 : min($0, end) } ?? end
        return RunSummary(
            ledger, scheduler: scheduler, duration: released, elapsed: end,
            energy: energy.map { ($0.joules, $0.time.inSeconds) })
    }

    private func mismatch(recorded: Command?) -> RecordMismatch {
        RecordMismatch(
            entry: taken, time: last?.time ?? .zero, event: last?.event, recorded: recorded,
            decided: matched < commands.count ? commands[matched] : nil)
    }
}

/// The first place where a replayed run is not the recorded one.
package struct RecordMismatch: Hashable, Sendable, CustomStringConvertible {
    /// Index of the entry at which they part.
    package let entry: Int
    /// The time of the event in question.
    package let time: Nanoseconds
    /// The event whose commands differ; `nil` if a command stands before every event.
    package let event: Event?
    /// The command in the record, if any.
    package let recorded: Command?
    /// The command of the scheduler as it is now, if any.
    package let decided: Command?

    /// The mismatch in words.
    package var description: String {
        let what = event.map { "after \($0)" } ?? "before any event"
        let was = recorded.map { "the record says \($0)" } ?? "the record has no further command"
        let now = decided.map { "the scheduler says \($0)" } ?? "the scheduler has no further command"
        return "entry \(entry), at \(time.rawValue) ns, \(what): \(was), but \(now)"
    }
}

extension RunRecord {
    /// Feeds the recorded events to a fresh scheduler and compares its commands with the recorded ones.
    ///
    /// - Precondition: the configuration is valid and every released task exists, as `read` makes sure.
    /// - Returns: the first difference, `nil` if there is none. O(entries · log tasks).
    package func replay() -> RecordMismatch? {
        var replay = RecordReplay(configuration)
        for entry in entries {
            if let mismatch = replay.take(entry) { return mismatch }
        }
        return replay.finish()
    }
}
