import CDarisSystem
import CUDADriver
import DarisCore
import Synchronization

/// One lane of a GPU: a stream, and the stage that is on it.
///
/// A launch writes down what the stage's graph is to copy, puts the graph between two events, and returns. The poller sees
/// the end. What takes the host long is left to a thread of the lane, since a launch holds the scheduler's lock and the
/// poller serves all lanes: copying a job's inputs before its first stage and its outputs after its last one, and putting
/// a stage on the stream that could not be captured.
final class CUDALane: @unchecked Sendable {
    // Unchecked: `work` and what follows it belong to the thread that launches while the lane is idle, then to the thread or to the
    // poller, as `state` says.

    /// A stage to run.
    struct Work: Sendable {
        var job: JobID
        var stage: Int
        var io: JobTensors?
        var isHighPriority: Bool
        var program: LaneProgram
        var memory: TaskMemory
        /// Jobs that run the stage together with `job`, whose tensors lie behind its own.
        var others: [Member] = []
        /// Whether it was launched from the end of the lane's stage before.
        var followsAtOnce: Bool
        /// The stage since which its jobs have been alone on the lane, whose tensors still lie there; `max` if others were.
        var heldSince = Int.max
        /// Whether what it makes for later stages stays in the lane until `save`.
        var leavesResults = false
        /// Why it cannot start, if it cannot.
        var obstacle: DeviceError?

        /// How many bytes of inputs come with the jobs.
        var bytesToTake: Int {
            guard stage == 0 else { return 0 }
            return others.reduce(memory.bytesToTake(io)) { $0 + $1.memory.bytesToTake($1.io) }
        }

        /// Copies the jobs' inputs to where the stage reads them, if it is their first.
        func take() {
            guard stage == 0 else { return }
            memory.take(io)
            for member in others { member.memory.take(member.io) }
        }

        /// The bytes of outputs that submitters wait for.
        var bytesToGive: Int {
            guard stage == memory.layout.stages.count - 1 else { return 0 }
            return others.reduce(memory.bytesToGive(io)) { $0 + $1.memory.bytesToGive($1.io) }
        }

        /// Copies the outputs to where the jobs want them.
        func give() {
            memory.give(io)
            for member in others { member.memory.give(member.io) }
        }
    }

    /// A further job of a batch.
    struct Member: Sendable {
        var io: JobTensors?
        var memory: TaskMemory
    }

    /// Where the lane's stage is.
    enum State: Int, AtomicRepresentable {
        /// There is none.
        case idle
        /// The lane's thread copies its inputs and puts it on the stream.
        case starting
        /// It is on the stream, as far as it got.
        case onStream
        /// It has ended, and the lane's thread copies its outputs.
        case giving
        /// It has ended, and its outputs are where they are wanted.
        case given
    }

    /// The bytes that are copied in less time than another thread takes to wake.
    static let bytesAtOnce = 16 << 10

    let index: Int
    let stream: CUDAStream
    let scratch: DeviceMemory
    let state = Atomic(State.idle)
    /// Whether the lane's last stage failed.
    let hasFailed = Atomic(false)
    let context: CUDAContext
    private let start: CUDAEvent
    /// Taken in turn, so that the end of the stage before is still there when this one starts.
    private let ends: [CUDAEvent]
    private var turn = 0
    private var work: Work?
    private var failure: DeviceError?
    /// The end of the stage, while the thread copies its outputs.
    private var end: StageEnd?
    private var isEndRecorded = false
    private var hasEarlierEnd = false
    private let copier: CopyKernel
    /// What is copied into the lane before a stage, then what is copied out of it afterwards, job by job.
    private let table: CopyTable
    /// What `save` copies, and its end.
    private let savedTable: CopyTable
    private let savedEnd: CUDAEvent
    /// Set at each end, if the driver can.
    private let signal: CUDASignal?
    /// What it is set to by the stage that is on the stream.
    private var launches: UInt32 = 0
    private var questions = 0
    private let semaphore = Semaphore()
    private var thread: DedicatedThread?
    /// Whether the poller has other lanes to see to.
    private var hasNeighbours = false

    /// - Parameters:
    ///   - copies: the most that a stage of the lane needs, before and after it together.
    ///   - saves: the most that `save` is asked for.
    init(
        index: Int, stream: CUDAStream, context: CUDAContext, scratchBytes: Int, copying kernel: CopyKernel,
        copies: Int, saves: Int
    ) throws(CUDAError) {
        self.index = index
        self.stream = stream
        self.context = context
        copier = kernel
        table = try CopyTable(context: context, capacity: max(1, copies))
        savedTable = try CopyTable(context: context, capacity: max(1, saves))
        savedEnd = try CUDAEvent(context: context, timing: false)
        signal = try CUDASignal(context: context)
        scratch = try DeviceMemory(context: context, byteCount: max(TensorLayout.alignment, scratchBytes))
        start = try CUDAEvent(context: context, timing: true)
        ends = [try CUDAEvent(context: context, timing: true), try CUDAEvent(context: context, timing: true)]
    }

    /// Starts the thread.
    ///
    /// - Parameter hasNeighbours: whether the poller has other lanes to see to; else it copies outputs itself.
    func startThread(_ attributes: DedicatedThread.Attributes, hasNeighbours: Bool) {
        self.hasNeighbours = hasNeighbours
        thread = DedicatedThread.required(attributes) { [self] in
            while true {
                semaphore.wait()
                switch state.load(ordering: .acquiring) {
                case .starting:
                    enqueue()
                    state.store(.onStream, ordering: .releasing)
                case .giving:
                    work?.give()
                    state.store(.given, ordering: .releasing)
                case .idle, .onStream, .given: return
                }
            }
        }
    }

    /// Starts a stage on the idle lane.
    func launch(_ work: Work) {
        self.work = work
        hasFailed.store(false, ordering: .relaxed)
        var takesLong = work.obstacle == nil && work.bytesToTake > Self.bytesAtOnce
        if case .eager = work.program.launch { takesLong = true }
        if takesLong {
            state.store(.starting, ordering: .releasing)
            semaphore.post()
        } else {
            enqueue()
            state.store(.onStream, ordering: .releasing)
        }
    }

    private func enqueue() {
        failure = nil
        isEndRecorded = false
        guard let work else { return }
        do throws(DeviceError) {
            try put(work)
        } catch {
            failure = error
        }
    }

    private func put(_ work: Work) throws(DeviceError) {
        if let obstacle = work.obstacle { throw obstacle }
        work.take()
        let jobs = work.others.count + 1
        let (layout, since, leaves) = (work.program.layout, work.heldSince, work.leavesResults)
        write(layout, of: work.memory, place: 0, jobs: jobs, heldSince: since, leavingResults: leaves)
        for (index, member) in work.others.enumerated() {
            write(layout, of: member.memory, place: index + 1, jobs: jobs, heldSince: since, leavingResults: leaves)
        }
        try cuda { () throws(CUDAError) in
            try context.makeCurrent()
            try start.record(on: stream)
        }
        switch work.program.launch {
        case .graph(let high, let low):
            let graph = work.isHighPriority ? high : low
            try cuda { () throws(CUDAError) in try graph.launch(on: stream) }
        case .eager:
            try enqueue(work.program.work, work.program.layout, jobs: jobs)
        }
        try cuda { () throws(CUDAError) in
            try ends[turn].record(on: stream)
            launches &+= 1
            try signal?.set(launches, on: stream)
        }
        isEndRecorded = true
    }

    /// Writes down what to copy into the lane before a stage and out of it afterwards, for the job at a place of a batch. What
    /// need not be copied has no bytes, since a graph has the same copies at every launch.
    ///
    /// - Parameters:
    ///   - since: the stage since which the jobs have been alone on the lane.
    ///   - leaves: whether what later stages read is left in the lane.
    func write(
        _ layout: TensorLayout.Stage, of memory: TaskMemory, place: Int, jobs: Int, heldSince since: Int = .max,
        leavingResults leaves: Bool = false
    ) {
        for (index, copy) in layout.copiesIn.enumerated() {
            table.set(
                place * layout.copiesIn.count + index,
                to: .init(
                    source: memory.address(of: copy), target: scratch.address + copy.laneOffset + place * copy.bytes,
                    byteCount: copy.stage >= since ? 0 : copy.bytes))
        }
        for (index, copy) in layout.copiesOut.enumerated() {
            table.set(
                jobs * layout.copiesIn.count + place * layout.copiesOut.count + index,
                to: .init(
                    source: scratch.address + copy.laneOffset + place * copy.bytes, target: memory.address(of: copy),
                    byteCount: leaves && copy.memory == .device ? 0 : copy.bytes))
        }
    }

    /// Copies tensors that stages have left in the lane to the memory of their jobs, behind what is on the stream.
    ///
    /// - Parameters:
    ///   - copies: out of the lane, at least one.
    ///   - members: jobs and their places in the batch, at least one.
    func save(
        _ copies: [TensorLayout.Copy], of members: [(place: Int, memory: TaskMemory)]
    ) throws(DeviceError) {
        try cuda { () throws(CUDAError) in
            try context.makeCurrent()
            // The table of the save before has been read, unless tasks that are measured use each other's lanes.
            if try !savedEnd.isDone { try savedEnd.synchronize() }
            var (row, largest) = (0, 0)
            for member in members {
                for copy in copies {
                    savedTable.set(
                        row,
                        to: .init(
                            source: scratch.address + copy.laneOffset + member.place * copy.bytes,
                            target: member.memory.address(of: copy), byteCount: copy.bytes))
                    (row, largest) = (row + 1, max(largest, copy.bytes))
                }
            }
            try savedTable.upload(row, on: stream)
            try copier.launch(savedTable, 0..<row, largest: largest, on: stream)
            try savedEnd.record(on: stream)
        }
    }

    /// Makes what is put on the stream later wait for the last save of another lane.
    func wait(forSavesOf other: CUDALane) throws(DeviceError) {
        try cuda { () throws(CUDAError) in
            try context.makeCurrent()
            try stream.wait(for: other.savedEnd)
        }
    }

    /// Puts a stage of some jobs on the stream, or into the graph that is captured, with the copies before and after it.
    func enqueue(_ work: any StageWork, _ layout: TensorLayout.Stage, jobs: Int) throws(DeviceError) {
        let (into, out) = (jobs * layout.copiesIn.count, jobs * layout.copiesOut.count)
        try cuda { () throws(CUDAError) in
            try table.upload(into + out, on: stream)
            try launch(layout.copiesIn, 0..<into)
        }
        try work.enqueue()
        try cuda { () throws(CUDAError) in try launch(layout.copiesOut, into..<into + out) }
    }

    private func launch(_ copies: [TensorLayout.Copy], _ entries: Range<Int>) throws(CUDAError) {
        guard let largest = copies.map(\.bytes).max() else { return }
        try copier.launch(table, entries, largest: largest, on: stream)
    }

    /// Whether the lane's stage has ended, and how, once its outputs are where they are wanted. The lane is idle again once
    /// this says so.
    func poll() -> StageEnd? {
        switch state.load(ordering: .acquiring) {
        case .idle, .starting, .giving: return nil
        case .onStream:
            guard hasEnded(), let work else { return nil }
            let end = end(of: work)
            self.end = end
            hasFailed.store(end.error != nil, ordering: .relaxed)
            let bytes = end.error == nil ? work.bytesToGive : 0
            if hasNeighbours && bytes > Self.bytesAtOnce {
                state.store(.giving, ordering: .releasing)
                semaphore.post()
                return nil
            }
            if bytes > 0 { work.give() }
        case .given: break
        }
        defer {
            end = nil
            work = nil
            state.store(.idle, ordering: .releasing)
        }
        return end
    }

    /// Whether the stage on the stream has ended, or cannot be asked for any more.
    private func hasEnded() -> Bool {
        do throws(CUDAError) {
            // Where the launch broke off, what it had put on the stream must still run out of the buffers.
            return isEndRecorded ? try isAtEnd() : try stream.isIdle
        } catch {
            // Words that came first say more, but whether the device is lost may be known only now.
            failure = DeviceError(failure?.description ?? error.description, losesDevice: error.losesContext)
            return true
        }
    }

    /// The end of the stage, which has come.
    private func end(of work: Work) -> StageEnd {
        var end = StageEnd(
            lane: index, job: work.job, stage: work.stage, executionTime: .zero, error: failure)
        if failure == nil {
            do throws(CUDAError) {
                end.executionTime = .seconds(try ends[turn].seconds(since: start))
                if work.followsAtOnce && hasEarlierEnd {
                    end.handover = .seconds(max(0, try start.seconds(since: ends[1 - turn])))
                }
            } catch {
                end.error = DeviceError(error)
            }
        }
        hasEarlierEnd = isEndRecorded
        if isEndRecorded { turn = 1 - turn }
        return end
    }

    /// Whether the stage has come to its recorded end. The signal says so without the driver, which is asked now and then
    /// nevertheless: after a fault of the device nothing is signalled.
    private func isAtEnd() throws(CUDAError) -> Bool {
        questions &+= 1
        let isSignalled = signal.map { $0.value == launches } ?? true
        guard isSignalled || questions % Self.questionsToDriver == 0 else { return false }
        return try ends[turn].isDone
    }

    private static let questionsToDriver = 16_384

    /// Has the lane's thread end; no stage is running.
    func endThread() { semaphore.post() }

    /// Ends the lane's thread and waits for it; no stage is running.
    func stop() {
        endThread()
        thread?.join()
        thread = nil
    }
}

/// Runs CUDA calls with their errors in the device's words.
func cuda(_ body: () throws(CUDAError) -> Void) throws(DeviceError) {
    do { try body() } catch { throw DeviceError(error) }
}

extension DeviceError {
    /// An error of CUDA's in the device's words.
    init(_ error: CUDAError) { self.init(error.description, losesDevice: error.losesContext) }
}
