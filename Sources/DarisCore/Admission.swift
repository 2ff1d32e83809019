/// The admission test of low-priority jobs and the choice of a context to migrate to (paper equations 4 and 5,
/// section IV-B2).
public struct Admission: Sendable {
    /// What the test reads of one context, kept up to date by the scheduler.
    public struct Context: Hashable, Sendable {
        /// U_k^HP: utilisation of all HP tasks placed on the context.
        public var highPriority = Utilisation.zero
        /// U_k^{LP,active}: utilisation of the LP tasks with a job in flight on the context.
        public var activeLowPriority = Utilisation.zero
        /// MRET of all stages queued and running on the context.
        public var work = Nanoseconds.zero
        /// Whether the context can run stages; a lost one cannot.
        public var isAlive = true
        /// How much more than they are LP jobs are reckoned to be, over `leastCaution`: the paper's test is at that, from which
        /// only batching departs (docs/decisions/0010).
        public var caution = Self.leastCaution
        /// When it was last raised.
        var cautionRaised = Nanoseconds.zero

        /// The caution of the paper: none.
        public static let leastCaution: Int64 = 65_536

        /// A context with nothing on it.
        public init() {}

        /// Whether an LP job of utilisation `utilisation` fits: uᵢ + U_k^{LP,active} < N_s − U_k^HP.
        @inlinable
        public func admits(_ utilisation: Utilisation, streams: Int) -> Bool {
            let asked = utilisation + activeLowPriority
            let counted = caution == Self.leastCaution ? asked : asked.scaled(by: caution, over: Self.leastCaution)
            return isAlive && counted < .lanes(streams) - highPriority
        }

        /// Takes in whether an LP job was late. The caution grows by a quarter for one that was released since it last grew,
        /// and wears off by a four-thousandth with each in time.
        mutating func learn(isLate: Bool, release: Nanoseconds, now: Nanoseconds) {
            if !isLate {
                caution = max(Self.leastCaution, caution - caution / 4096)
            } else if release >= cautionRaised {
                caution = min(16 * Self.leastCaution, caution + caution / 4)
                cautionRaised = now
            }
        }

        /// Takes in that a job was turned away though no LP job is in flight: nobody is left to learn from.
        mutating func loosen() { caution = max(Self.leastCaution, caution - caution / 8) }

        /// How long until a job of `executionTime` would end here: (work queued and running) / N_s + its own time.
        @inlinable
        public func predictedFinish(_ executionTime: Nanoseconds, streams: Int) -> Nanoseconds {
            Nanoseconds(work.rawValue / Int64(streams)) + executionTime
        }
    }

    /// The context an LP job should migrate to: of those other than `home` that admit it, the one with the earliest
    /// predicted finish; ties go to the least active utilisation, then to the lowest index. O(contexts).
    ///
    /// - Returns: `nil` if no context admits the job.
    @inlinable
    public static func migrationTarget(
        from home: Int, utilisation: Utilisation, executionTime: Nanoseconds, streams: Int,
        contexts: ContiguousArray<Context>
    ) -> Int? {
        var best: Int?
        var bestFinish = Nanoseconds.distantFuture
        for index in contexts.indices where index != home && contexts[index].admits(utilisation, streams: streams) {
            let finish = contexts[index].predictedFinish(executionTime, streams: streams)
            if let current = best {
                let active = contexts[index].activeLowPriority
                if finish > bestFinish { continue }
                if finish == bestFinish && active >= contexts[current].activeLowPriority { continue }
            }
            best = index
            bestFinish = finish
        }
        return best
    }
}
