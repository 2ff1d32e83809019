import DarisCore

/// `scheduler.rules`: which text the scheduler follows where the paper and its authors' implementation differ.
package enum Rules: String, CaseIterable, Codable, Hashable, Sendable {
    /// The paper's text.
    case paper
    /// The implementation that its authors published (docs/decisions/0021).
    case published

    /// The rules of options; those that follow any of the published rules are `published`.
    package init(_ options: SchedulerOptions) { self = options.rules == nil ? .paper : .published }

    /// What options say of them.
    package var options: PublishedRules? { self == .published ? .all : nil }
}

extension TaskSet {
    /// What is wrong with the rules, if anything: the published implementation has neither batches nor express lanes.
    var rulesProblem: String? {
        guard scheduler.rules != nil, scheduler.batching != nil || partition.express > 0 else { return nil }
        let cause = scheduler.batching != nil ? "batching is on" : "there are express lanes"
        return "the published implementation has neither batches nor express lanes, and here \(cause); write paper, or "
            + "'batching: off' and 'express: 0'"
    }
}
