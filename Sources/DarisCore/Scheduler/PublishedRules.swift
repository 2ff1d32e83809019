/// The rules by which the implementation that the paper's authors published differs from the paper's text, each a switch of its
/// own; all off is the text (docs/decisions/0021).
///
/// Source: github.com/AmirFB/DARIS, src/sch.
public struct PublishedRules: Hashable, Sendable, Codable {
    /// Admission: (U_k^HP + U_k^{LP,active}) / N_s + uᵢ < 1 in place of U_k^HP + U_k^{LP,active} + uᵢ < N_s. Stricter where a
    /// context has several streams, the same where it has one.
    public var sharedAdmission = false
    /// Migration: a task moves for good, to the context of least active utilisation, and only where that evens the load.
    public var movesHomes = false
    /// MRET: the window counts releases, so that one that is rejected takes the place of a measured time.
    public var rejectionsAge = false
    /// Order: a late stage of LP goes before a last one.
    public var lateBeforeLast = false

    /// The paper's text.
    public init() {}

    /// The published implementation.
    public static let all: PublishedRules = {
        var rules = PublishedRules()
        rules.sharedAdmission = true
        rules.movesHomes = true
        rules.rejectionsAge = true
        rules.lateBeforeLast = true
        return rules
    }()
}

extension SchedulerOptions {
    /// The rules in force: the baselines have none of these.
    var published: PublishedRules { policy == .daris ? rules ?? PublishedRules() : PublishedRules() }
}

extension Admission {
    /// The context to which the published implementation moves an LP task that its home does not admit.
    ///
    /// It is the one of least active utilisation (U_k^HP + U_k^{LP,active}) of those that have less of it than home, and whose
    /// tasks, placed and active or not, still ask for less than home's after the move: U_k < U_home − N_s · uᵢ. Only that one is
    /// tested. Ties go to the lowest index. O(contexts).
    ///
    /// - Parameter placed: by context: the utilisation of all tasks that are placed there.
    /// - Returns: `nil` if there is none, or it does not admit the job.
    package static func publishedTarget(
        from home: Int, utilisation: Utilisation, streams: Int, contexts: ContiguousArray<Context>,
        placed: ContiguousArray<Utilisation>
    ) -> Int? {
        let limit = placed[home] - utilisation.scaled(by: Int64(streams), over: 1)
        var (best, least) = (home, contexts[home].active)
        for index in contexts.indices where contexts[index].isAlive && placed[index] < limit {
            if contexts[index].active < least { (best, least) = (index, contexts[index].active) }
        }
        return best != home && contexts[best].admits(utilisation, streams: streams) ? best : nil
    }
}
