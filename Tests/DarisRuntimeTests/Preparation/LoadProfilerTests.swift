import DarisCore
import Synchronization
import Testing

@testable import DarisRuntime

@Suite("Measuring under load", .timeLimit(.minutes(15)))
struct LoadProfilerTests {
    /// Launches by task and stage, and the lanes each task ran on.
    private final class Record: Sendable {
        private struct State {
            var launches: [[Int]: Int] = [:]
            var lanes: [Int: Set<Int>] = [:]
        }
        private let state = Mutex(State())

        func add(_ task: Int, _ stage: Int, _ lane: Int) {
            state.withLock { state in
                state.launches[[task, stage], default: 0] += 1
                state.lanes[task, default: []].insert(lane)
            }
        }
        func launches(_ task: Int, _ stage: Int) -> Int { state.withLock { $0.launches[[task, stage]] ?? 0 } }
        func lanes(_ task: Int) -> Set<Int> { state.withLock { $0.lanes[task] ?? [] } }
        var tasks: [Int] { state.withLock { $0.lanes.keys.sorted() } }
    }

    private func measure(
        lanes: Int, stageCounts: [Int], task: Int, record: Record,
        time: @escaping @Sendable (JobID, Int) -> Nanoseconds = { _, _ in .microseconds(10) },
        fails: @escaping @Sendable (JobID, Int) -> Bool = { _, _ in false }
    ) async -> Result<[Nanoseconds], DeviceError> {
        await onThread {
            let device = ThreadedDevice(
                lanes: lanes, time: time, onLaunch: { record.add($0.task, $1, $2) }, fails: fails)
            defer { device.shutDown() }
            let profiler = LoadProfiler(device: device, stageCounts: stageCounts, seed: 1)
            return Result { () throws(DeviceError) in try profiler.afet(of: task) }
        }
    }

    @Test("a stage is launched 5 times to warm up, and its AFET is the mean of the next 10")
    func warmUpsAndRepeats() async throws {
        let record = Record()
        let runs = Mutex<[Int: Int]>([:])
        let afet = try await measure(
            lanes: 1, stageCounts: [3], task: 0, record: record,
            time: { _, stage in
                let run = runs.withLock { runs in
                    runs[stage, default: 0] += 1
                    return runs[stage]!
                }
                // Far too long while warming up, then 1 to 10 µs: 5.5 on average.
                return run <= 5 ? .seconds(Int64(1)) : .microseconds(Int64(run - 5) * Int64(stage + 1))
            }
        ).get()
        #expect(afet == [Nanoseconds(5_500), Nanoseconds(11_000), Nanoseconds(16_500)])
        for stage in 0..<3 { #expect(record.launches(0, stage) == 15) }
    }

    @Test("the other lanes run other tasks only, each on the lane it was dealt to")
    func otherLanes() async throws {
        let record = Record()
        _ = try await measure(lanes: 3, stageCounts: [2, 2, 2, 2, 2, 2, 2], task: 4, record: record).get()
        #expect(record.launches(4, 0) == 15 && record.launches(4, 1) == 15)
        for task in record.tasks { #expect(record.lanes(task) == [task % 3]) }
        // Tasks 1 and 7 belong to the measured lane and so stay away.
        #expect(record.tasks.allSatisfy { $0 == 4 || $0 % 3 != 1 })
        #expect(record.tasks.contains { $0 % 3 == 0 } && record.tasks.contains { $0 % 3 == 2 })
    }

    @Test("every lane is idle once the measurement is over, so another can follow at once")
    func idleAtTheEnd() async throws {
        let running = Mutex<Set<Int>>([])
        let overlaps = Journal<Int>()
        let idle = try await onThread {
            let device = ThreadedDevice(
                lanes: 4,
                time: { _, _ in .zero },
                onLaunch: { _, _, lane in
                    if running.withLock({ !$0.insert(lane).inserted }) { overlaps.append(lane) }
                },
                fails: { job, _ in
                    _ = running.withLock { $0.remove(job.task % 4) }
                    return false
                })
            defer { device.shutDown() }
            let profiler = LoadProfiler(device: device, stageCounts: [Int](repeating: 1, count: 8), seed: 3)
            return try (0..<8).map { task in
                _ = try profiler.afet(of: task)
                return running.withLock(\.isEmpty)
            }
        }
        #expect(idle == [Bool](repeating: true, count: 8))
        #expect(overlaps.entries.isEmpty)
    }

    @Test("a single task is measured alone, and lanes without a task stay idle")
    func oneTask() async throws {
        let record = Record()
        #expect(try await measure(lanes: 4, stageCounts: [1], task: 0, record: record).get() == [.microseconds(10)])
        #expect(record.tasks == [0])
    }

    @Test("a stage that always fails is an error in the device's words, with all lanes idle again")
    func alwaysFails() async throws {
        let record = Record()
        let result = await measure(
            lanes: 2, stageCounts: [2, 2], task: 0, record: record, fails: { job, stage in job.task == 0 && stage == 1 }
        )
        #expect(throws: DeviceError.self) { try result.get() }
        if case .failure(let error) = result { #expect(error.description == "stage 1 fails") }
    }

    @Test("a stage that fails at times is measured by the times it does not")
    func failsAtTimes() async throws {
        let runs = Atomic<Int>(0)
        let afet = try await measure(
            lanes: 1, stageCounts: [1], task: 0, record: Record(),
            fails: { _, _ in runs.add(1, ordering: .relaxed).newValue % 2 == 0 }
        ).get()
        #expect(afet == [.microseconds(10)])
    }

    @Test("load from a task that fails does not end the measurement")
    func failingLoad() async throws {
        let afet = try await measure(
            lanes: 2, stageCounts: [1, 1], task: 0, record: Record(), fails: { job, _ in job.task == 1 }
        ).get()
        #expect(afet == [.microseconds(10)])
    }
}
