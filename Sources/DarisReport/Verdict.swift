import DarisCore

/// The verdict on a run, in one sentence.
struct Verdict {
    let summary: RunSummary
    let simulated: Bool
    let interrupted: Bool

    /// Whether no high-priority job was late, or rejected though its task was enabled, and no such request was refused.
    var isGood: Bool {
        summary.hp.missed == 0 && summary.hp.rejected == summary.hp.removed && summary.hp.refusedRequests == 0
    }

    /// "No high-priority job missed its deadline (of 212); low-priority: 1.2 % of accepted jobs missed theirs, 61.0 %
    /// were accepted."
    var text: String {
        let sentence = high + "; " + low + "."
        let start =
            switch (simulated, interrupted) {
            case (false, false): ""
            case (true, false): "Simulated: "
            case (false, true): "Interrupted: "
            case (true, true): "Simulated, interrupted: "
            }
        return start + (start.isEmpty ? sentence : sentence.prefix(1).lowercased() + sentence.dropFirst())
    }

    private var high: String {
        let group = summary.hp
        guard summary.hasTasks(.high) else { return "There are no high-priority tasks" }
        guard group.isOfAnything else { return "No high-priority job was released" }
        let judged = group.judged(.high)
        let share = "of \(judged) high-priority jobs (\(Figure.percent(group.dmr)) %)"
        let rejected = group.rejected - group.removed
        let refused = group.refusedRequests
        let rest =
            (rejected > 0 ? ", \(rejected) more \(rejected == 1 ? "was" : "were") rejected" : "")
            + (refused > 0 ? ", \(refused) \(refused == 1 ? "request was" : "requests were") refused" : "")
        switch (judged, group.missed) {
        case (..<1, _): return Self.nothingJudged(group, "high-priority")
        case (_, 0): return "No high-priority job missed its deadline (of \(judged))" + rest
        case (_, 1): return "1 \(share) missed its deadline" + rest
        case (_, let missed): return "\(missed) \(share) missed their deadlines" + rest
        }
    }

    private var low: String {
        let group = summary.lp
        guard summary.hasTasks(.low) else { return "no low-priority tasks" }
        guard group.isOfAnything else { return "no low-priority job was released" }
        guard group.judged(.low) > 0 else {
            let sentence = Self.nothingJudged(group, "low-priority")
            return sentence.prefix(1).lowercased() + sentence.dropFirst()
        }
        let missed = group.missed == 0 ? "no accepted job" : "\(Figure.percent(group.dmr)) % of accepted jobs"
        return "low-priority: \(missed) missed \(group.missed == 0 ? "its deadline" : "theirs"), "
            + "\(Figure.percent(group.acceptance)) % were accepted"
    }

    private static func nothingJudged(_ group: RunSummary.Group, _ kind: String) -> String {
        if group.accepted > 0 { return "Every accepted \(kind) job was cancelled (\(group.cancelled))" }
        let refused = group.refusedRequests
        return "None of \(group.released + refused) \(kind) jobs\(refused > 0 ? " and requests" : "") was accepted"
    }
}

extension RunSummary.Group {
    /// Requests that a server refused, if the report tells.
    var refusedRequests: Int { refused ?? 0 }

    /// Requests that expired, if the report tells.
    var expiredRequests: Int { expired ?? 0 }

    /// Whether there was any job, or any request for one.
    var isOfAnything: Bool { released + refusedRequests + expiredRequests > 0 }
}

extension RunSummary {
    /// Whether the task set has tasks of this priority.
    func hasTasks(_ priority: Priority) -> Bool { tasks.contains { $0.priority == priority.name } }
}
