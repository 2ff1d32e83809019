import DarisCore
import FakeDriver
import Foundation
import Testing

@testable import DarisRuntime

@Suite("SM maps under MPS")
struct MPSMapTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("each context is a process that a daemon of our own bounds, and what exceeds its bound is told")
    func map() throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        gpu.setDevices(2)
        let calls = folder.path + "/calls"
        let control = try folder.mpsControl(journal: folder.path + "/journal")
        let partition = Partition(contexts: 4, streams: 1, oversubscription: 1)
        let daris = try folder.program(
            "daris",
            "echo \"$* $CUDA_MPS_ACTIVE_THREAD_PERCENTAGE $CUDA_VISIBLE_DEVICES\" >> \(calls); echo 3 1 2")
        let proof = try SMMapProof.measureUnderMPS(
            gpu: 1, partition: partition, program: daris, control: control, driver: gpu.path)
        #expect(proof.found == [[3, 1, 2], [3, 1, 2], [3, 1, 2], [3, 1, 2]])
        #expect(proof.promised.map(\.count) == [35, 35, 35, 35] && proof.exceeded.isEmpty)
        let called = try String(contentsOfFile: calls, encoding: .utf8)
        // What is the second GPU here is the only one that the daemon sees.
        let call = "worker --sm-map 0 26 GPU-10111213-1415-1617-1819-1a1b1c1d1e1f\n"
        #expect(called == String(repeating: call, count: 4))

        let greedy = try folder.program("greedy", "seq 0 131")
        let exceeded = try SMMapProof.measureUnderMPS(
            gpu: 0, partition: partition, program: greedy, control: control, driver: gpu.path
        ).exceeded
        #expect(exceeded.count == 4 && exceeded[3] == "context 3 is bounded to 35 SMs, but ran on 132")

        let broken = try folder.program("broken", "echo 'error: no device' >&2; exit 1")
        let error = #expect(throws: PreparationError.self) {
            try SMMapProof.measureUnderMPS(
                gpu: 0, partition: partition, program: broken, control: control, driver: gpu.path)
        }
        #expect(error?.description.contains("a process under MPS found no SMs: error: no device") == true)
    }
    @Test("a process that hangs is killed with all that it has started, and the error says so")
    func hanging() throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let control = try folder.mpsControl(journal: folder.path + "/journal")
        let stuck = try folder.program("stuck", "sleep 1000 & echo $! > \(folder.path)/child; wait")
        let error = #expect(throws: DeviceError.self) {
            try SMMapProof.measureUnderMPS(
                gpu: 0, partition: Partition(contexts: 1, streams: 1, oversubscription: 1), program: stuck,
                control: control, driver: gpu.path, limit: .milliseconds(500))
        }
        #expect(error?.description == "\(stuck) had not ended after 0 s, and was killed")
        let child = try String(contentsOfFile: folder.path + "/child", encoding: .utf8)
        for _ in 0..<2_000 where isAlive(child) { usleep(1_000) }
        #expect(!isAlive(child))
    }
}
