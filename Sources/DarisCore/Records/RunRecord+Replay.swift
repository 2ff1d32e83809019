/// The first place where a replayed run is not the recorded one.
public struct RecordMismatch: Hashable, Sendable, CustomStringConvertible {
    /// Index of the entry at which they part.
    public let entry: Int
    /// The time of the event in question.
    public let time: Nanoseconds
    /// The event whose commands differ; `nil` if a command stands before every event.
    public let event: Event?
    /// The command in the record, if any.
    public let recorded: Command?
    /// The command of the scheduler as it is now, if any.
    public let decided: Command?

    /// The mismatch in words.
    public var description: String {
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
    public func replay() -> RecordMismatch? {
        var replay = RecordReplay(configuration)
        for entry in entries {
            if let mismatch = replay.take(entry) { return mismatch }
        }
        return replay.finish()
    }
}
