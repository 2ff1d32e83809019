import DarisSimulator

/// A rule that the reference scheduler can break on purpose, and the invariants of which an auditor may then complain.
enum Defect: String, CaseIterable {
    // Fates.
    case losesJob, endsTwice, forgetsQueued, callsLateOnTime, neverDrops, ignoresRemoval, dropsReadyOfRemoved
    // Lanes and stages.
    case startsStageTwice, startsOnBusyLane, startsElsewhere, skipsStage
    // Order.
    case lowBeforeHigh, noLastLevel, noLateLevel, latestDeadlineFirst, tiesToLaterRelease, tiesToHigherTask
    case evenDeadlines, leavesLaneIdle
    // Admission and migration.
    case admitsWhenExactlyFull, ignoresHighPriority, ignoresActive, ignoresOwnUtilisation, countsIdleTasks
    case keepsRemovedUtilisation, rejectsHighPriority, migratesToLatestFinish, breaksMigrationTies, ignoresQueuedWork
    case migratesFirst, neverMigrates, keepsHomes, bringsNobodyBack, addsToLastContext
    // Execution times.
    case minimumTime, longWindow, shortWindow, keepsAFET, neverForgets, alwaysForgets
    // Failures.
    case lossSparesQueue, lossHitsOthers, failureHitsNeighbour, givesWrongReason
    // Batching.
    case mixesGroups, mixesStages, joinsAnySize, ignoresLargestBatch, ignoresBounds, ignoresLeader, joinsLastFirst
    case forgetsFailure, failureEndsBatch, chargesWhole, batchTimeIsMRET, largestCost, ignoresWaits, ignoresCaution

    /// The invariants that the commands of a scheduler with this defect break. A wrong MRET shows in commands only as a
    /// wrong admission or order.
    var invariants: Set<Violation.Invariant> {
        switch self {
        case .losesJob, .endsTwice, .forgetsQueued, .callsLateOnTime, .neverDrops, .ignoresRemoval,
            .dropsReadyOfRemoved:
            [.jobFates]
        case .startsStageTwice, .startsOnBusyLane, .startsElsewhere, .skipsStage: [.stageOrder]
        case .lowBeforeHigh, .noLastLevel, .noLateLevel, .latestDeadlineFirst, .tiesToLaterRelease, .tiesToHigherTask,
            .evenDeadlines, .leavesLaneIdle:
            [.dispatchOrder]
        case .admitsWhenExactlyFull, .ignoresHighPriority, .ignoresActive, .ignoresOwnUtilisation, .countsIdleTasks,
            .keepsRemovedUtilisation, .rejectsHighPriority, .migratesToLatestFinish, .breaksMigrationTies,
            .ignoresQueuedWork, .migratesFirst, .neverMigrates, .keepsHomes, .bringsNobodyBack, .addsToLastContext:
            [.admission]
        case .minimumTime, .longWindow, .shortWindow, .keepsAFET, .neverForgets, .alwaysForgets:
            [.admission, .dispatchOrder]
        case .lossSparesQueue, .lossHitsOthers, .failureHitsNeighbour, .givesWrongReason: [.containment]
        case .mixesGroups, .joinsAnySize, .ignoresLargestBatch, .ignoresBounds, .ignoresLeader, .joinsLastFirst,
            .forgetsFailure:
            [.batching]
        case .mixesStages: [.batching, .stageOrder]
        case .failureEndsBatch: [.containment]
        case .chargesWhole, .largestCost, .ignoresWaits, .ignoresCaution: [.admission]
        case .batchTimeIsMRET: [.admission, .dispatchOrder, .batching]
        }
    }

    /// Whether the defect makes MRETs wrong.
    var spoilsExecutionTimes: Bool {
        switch self {
        case .minimumTime, .longWindow, .shortWindow, .keepsAFET, .neverForgets, .alwaysForgets, .batchTimeIsMRET: true
        default: false
        }
    }
}
