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
        /// By how much the test multiplies the utilisation of LP jobs: 1 in the paper. Only batching changes it
        /// (docs/decisions/0010).
        package var safetyFactor = SafetyFactor()

        /// How often the test counts uᵢ: once in the paper, N_s times in the published implementation
        /// (`PublishedRules.sharedAdmission`).
        package var ownWeight: Int64 = 1

        /// A context with nothing on it.
        package init() {}

        /// U_k^HP + U_k^{LP,active}.
        package var active: Utilisation { highPriority + activeLowPriority }

        /// Whether an LP job of utilisation `utilisation` fits: uᵢ + U_k^{LP,active} < N_s − U_k^HP.
        package func admits(_ utilisation: Utilisation, streams: Int) -> Bool {
            isAlive && counted(utilisation) < .lanes(streams) - highPriority
        }

        /// Whether an LP job fits and, where there is a forecast, whether its predicted finish is in time.
        func admits(_ utilisation: Utilisation, streams: Int, _ forecast: Forecast?) -> Bool {
            guard admits(utilisation, streams: streams) else { return false }
            guard let forecast else { return true }
            return predictedFinish(forecast.executionTime, streams: streams) <= forecast.limit
        }

        /// The left side of the test for an LP job of utilisation `utilisation`: (uᵢ + U_k^{LP,active}) times the safety factor. uᵢ counts
        /// `ownWeight` times.
        package func counted(_ utilisation: Utilisation) -> Utilisation {
            let asked = utilisation.scaled(by: ownWeight, over: 1) + activeLowPriority
            return safetyFactor.value == SafetyFactor.unit
                ? asked : asked.scaled(by: safetyFactor.value, over: SafetyFactor.unit)
        }

        /// What LP jobs may still use: an LP job is admitted exactly if its utilisation is below this.
        ///
        /// It is (N_s − U_k^HP) / safety factor − U_k^{LP,active}; zero where the context is lost or overfull.
        ///
        /// - Parameter capacity: N_s lanes.
        public func headroom(of capacity: Utilisation) -> Utilisation {
            let room = capacity - highPriority
            guard isAlive, room > .zero else { return .zero }
            // Rounded up, as the test rounds down what it compares.
            let shared = (room.rawValue * SafetyFactor.unit + safetyFactor.value - 1) / safetyFactor.value
            let left = max(.zero, Utilisation(shared) - activeLowPriority)
            return Utilisation((left.rawValue + ownWeight - 1) / ownWeight)
        }

        /// How long until a job of `executionTime` would end here: (work queued and running) / N_s + its own time.
        package func predictedFinish(_ executionTime: Nanoseconds, streams: Int) -> Nanoseconds {
            Nanoseconds(work.rawValue / Int64(streams)) + executionTime
        }
    }

    /// What a forecast of an LP job's finish compares: how long the job takes once it starts, in the largest batch that it may run
    /// in, and how long it has until its deadline.
    package struct Forecast: Sendable {
        let executionTime: Nanoseconds
        let limit: Nanoseconds
    }

    /// The context an LP job should migrate to: of those other than `home` that admit it, the one with the earliest
    /// predicted finish; ties go to the least active utilisation, then to the lowest index. O(contexts).
    ///
    /// - Returns: `nil` if no context admits the job.
    package static func migrationTarget(
        from home: Int, utilisation: Utilisation, executionTime: Nanoseconds, streams: Int,
        contexts: ContiguousArray<Context>, _ forecast: Forecast? = nil
    ) -> Int? {
        var best: Int?
        var bestFinish = Nanoseconds.distantFuture
        for index in contexts.indices
        where index != home && contexts[index].admits(utilisation, streams: streams, forecast) {
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

/// The factor by which an admission test multiplies a forecast, learnt from how often what it admitted was late.
///
/// It grows by a quarter when something is late that was admitted since it last grew, and shrinks by a small part with each in
/// time. Whole numbers, so that every run is the same.
package struct SafetyFactor: Hashable, Sendable {
    /// In 65,536ths, from `unit` on.
    package private(set) var value = Self.unit
    private var raised = Nanoseconds.zero
    private let decay: Int64

    /// A factor of 1: the forecast as it is.
    package static let unit: Int64 = 65_536
    private static let most = 16 * unit

    /// A factor of 1, which shrinks by one `decay`th with each in time.
    package init(decay: Int64 = 4096) { self.decay = decay }

    /// The factor: at least 1.
    package var factor: Double { Double(value) / Double(Self.unit) }

    /// Takes in whether something was late that was admitted at `start`.
    package mutating func learn(isLate: Bool, since start: Nanoseconds, now: Nanoseconds) {
        if !isLate {
            value = max(Self.unit, value - value / decay)
        } else if start >= raised {
            value = min(Self.most, value + value / 4)
            raised = now
        }
    }

    /// Shrinks by an eighth, where nothing is admitted from which to learn.
    package mutating func lower() { value = max(Self.unit, value - value / 8) }
}
