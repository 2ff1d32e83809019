/// One line of a run record: what happened to the scheduler, or what it decided, and when. Small, so that a driver
/// can keep millions of them in one buffer; the entry of a batch shares the storage of its jobs with the command.
package struct RecordEntry: Hashable, Sendable {
    /// An event that went in, a command that came out, or what is known besides.
    package enum Content: Hashable, Sendable {
        case event(Event)
        case command(Command)
        /// Whose trace the job belongs to that is released next.
        case trace(JobID, TraceContext)
    }

    /// The time with which the event was handed to the scheduler; that of a command is its event's.
    package var time: Nanoseconds
    /// What happened or was decided.
    package var content: Content

    /// An event that went in.
    @inlinable
    package init(_ time: Nanoseconds, _ event: Event) {
        self.time = time
        content = .event(event)
    }

    /// Whose trace a job belongs to.
    @inlinable
    package init(_ time: Nanoseconds, _ job: JobID, _ trace: TraceContext) {
        self.time = time
        content = .trace(job, trace)
    }

    /// A command that came out.
    @inlinable
    package init(_ time: Nanoseconds, _ command: Command) {
        self.time = time
        content = .command(command)
    }
}
