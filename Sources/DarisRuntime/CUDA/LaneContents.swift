import CUDADriver
import DarisCore

/// What lies in the scratch memory of each lane since its last dispatch, so that jobs that go on where they are copy nothing.
///
/// A dispatch of exactly the jobs of the lane's stage before, in the same order, finds in the lane what these stages read and
/// made; copied in is only what no stage has had there since the jobs came. A batch that is expected to stay together also leaves
/// there what it makes for later stages. That is *saved* to the jobs' own memory once something else runs on the lane, or one of
/// the jobs on another. A save stands in the lane's stream before what overwrites its source, and other lanes' streams wait for
/// it, so that no thread does.
struct LaneContents: Sendable {
    /// How a dispatch starts.
    struct Start {
        /// The stage since which its jobs have been alone on the lane; `max` if others were there.
        var heldSince = Int.max
        /// Why it cannot start: tensors of one of its jobs could not be saved.
        var obstacle: DeviceError?
    }

    /// Copies of tensors between stages, one for each job and tensor.
    struct Copies: Hashable, Sendable {
        var made = 0
        /// Those that a dispatch would have needed that starts in an empty lane and leaves it empty.
        var leftOut = 0
    }

    private struct Content {
        var program: Int
        /// The stage that was dispatched last.
        var stage: Int
        var jobs: Dispatch.Jobs
        /// The stage at which the jobs came.
        var since: Int
        /// The first stage whose results may be in the lane alone; `max` if each stage copies its own.
        var unsavedSince: Int
    }

    /// Where the tensors of a task's job are.
    private struct Whereabouts {
        enum State { case own, leftInLane, beingSaved }

        /// The lane of its last dispatch.
        var lane = -1
        var state = State.own
        /// Why they are nowhere any more.
        var loss: DeviceError?
    }

    private let lanes: [CUDALane]
    private let memories: [TaskMemory]
    private let programs: [[[LaneProgram]]]
    private var contents: [Content?]
    /// By task.
    private var whereabouts: [Whereabouts]
    private(set) var copies = Copies()

    /// Empty lanes.
    init(lanes: [CUDALane], memories: [TaskMemory], programs: [[[LaneProgram]]]) {
        self.lanes = lanes
        self.memories = memories
        self.programs = programs
        contents = lanes.map { _ in nil }
        whereabouts = memories.map { _ in Whereabouts() }
    }

    /// Takes in that an idle lane gets a stage of some jobs, and saves what these jobs need of other lanes and what others have
    /// left in this one.
    ///
    /// - Parameters:
    ///   - program: which of the lane's programs the dispatch runs.
    ///   - leaves: whether what it makes for later stages stays in the lane.
    mutating func begin(_ dispatch: Dispatch, program: Int, leavingResults leaves: Bool) -> Start {
        var start = Start()
        if let content = contents[dispatch.lane], goesOn(dispatch, program, after: content) {
            start.heldSince = content.since
            contents[dispatch.lane]?.stage = dispatch.stage
            if leaves {
                for place in dispatch.jobs.indices {
                    whereabouts[dispatch.jobs.instance(at: place)].state = .leftInLane
                }
            }
        } else {
            save(dispatch.lane)
            for place in dispatch.jobs.indices {
                let loss = fetch(dispatch.jobs.instance(at: place), stage: dispatch.stage, for: dispatch.lane)
                start.obstacle = start.obstacle ?? loss
            }
            guard start.obstacle == nil else {
                contents[dispatch.lane] = nil
                return start
            }
            for place in dispatch.jobs.indices {
                whereabouts[dispatch.jobs.instance(at: place)] = Whereabouts(
                    lane: dispatch.lane, state: leaves ? .leftInLane : .own)
            }
            contents[dispatch.lane] = Content(
                program: program, stage: dispatch.stage, jobs: dispatch.jobs, since: dispatch.stage,
                unsavedSince: leaves ? dispatch.stage : .max)
        }
        count(dispatch, program, heldSince: start.heldSince, leavingResults: leaves)
        return start
    }

    /// Whether a dispatch finds in the lane what the one before has left there.
    private func goesOn(_ dispatch: Dispatch, _ program: Int, after content: Content) -> Bool {
        guard content.program == program, content.stage + 1 == dispatch.stage, content.jobs == dispatch.jobs,
            !lanes[dispatch.lane].hasFailed.load(ordering: .relaxed)
        else { return false }
        return dispatch.jobs.indices.allSatisfy {
            whereabouts[dispatch.jobs.instance(at: $0)].lane == dispatch.lane
        }
    }

    /// Copies what jobs have left in a lane, and no other memory has, to their own.
    private mutating func save(_ lane: Int) {
        guard let content = contents[lane], content.unsavedSince != .max else { return }
        // What a stage that failed has read is still there, and is read again when its jobs run one by one.
        let last = lanes[lane].hasFailed.load(ordering: .relaxed) ? content.stage - 1 : content.stage
        contents[lane]?.unsavedSince = max(content.unsavedSince, last + 1)
        let members = content.jobs.indices.filter { place in
            // Those that have gone on elsewhere, with a new job, need nothing of their former one.
            let at = whereabouts[content.jobs.instance(at: place)]
            return at.lane == lane && at.state == .leftInLane
        }
        for place in members { whereabouts[content.jobs.instance(at: place)].state = .own }
        guard last >= content.unsavedSince, !members.isEmpty else { return }
        let left = programs[lane][content.program][last].layout.carried.filter { $0.stage >= content.unsavedSince }
        guard !left.isEmpty else { return }
        do throws(DeviceError) {
            try lanes[lane].save(
                left, of: members.map { (place: $0, memory: memories[content.jobs.instance(at: $0)]) })
            for place in members { whereabouts[content.jobs.instance(at: place)].state = .beingSaved }
            copies.made += left.count * members.count
            copies.leftOut -= left.count * members.count
        } catch {
            for place in members { whereabouts[content.jobs.instance(at: place)].loss = error }
        }
    }

    /// Sees to it that a stage on a lane finds the tensors of a task's job in the task's memory.
    ///
    /// - Returns: why it will not, if so.
    private mutating func fetch(_ task: Int, stage: Int, for lane: Int) -> DeviceError? {
        // A new job needs nothing, but what is being saved of the former one must not be saved over its own.
        if stage == 0 { whereabouts[task].loss = nil }
        let from = whereabouts[task].lane
        guard from >= 0, from != lane else { return whereabouts[task].loss }
        if stage > 0, whereabouts[task].state == .leftInLane { save(from) }
        if whereabouts[task].state == .beingSaved {
            do throws(DeviceError) { try lanes[lane].wait(forSavesOf: lanes[from]) } catch {
                whereabouts[task].loss = error
            }
        }
        return whereabouts[task].loss
    }

    private mutating func count(_ dispatch: Dispatch, _ program: Int, heldSince since: Int, leavingResults leaves: Bool)
    {
        let layout = programs[dispatch.lane][program][dispatch.stage].layout
        let (into, out) = (
            dispatch.stage > 0 ? layout.copiesIn.count : 0, layout.copiesOut.count { $0.memory == .device }
        )
        let leftOut = layout.copiesIn.count { $0.stage >= since } + (leaves ? out : 0)
        copies.leftOut += leftOut * dispatch.jobs.count
        copies.made += (into + out - leftOut) * dispatch.jobs.count
    }
}
