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
