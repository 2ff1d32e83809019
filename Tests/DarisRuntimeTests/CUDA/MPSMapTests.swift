import DarisCore
import FakeDriver
import Foundation
import Testing

@testable import DarisRuntime

@Suite("SM maps under MPS")
struct MPSMapTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A stand-in for another program.
    private func program(_ name: String, _ script: String) throws -> String {
        let path = folder.path + "/" + name
        try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    @Test("each context is a process that a daemon of our own bounds, and what exceeds its bound is told")
    func map() throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let calls = folder.path + "/calls"
        let control = try program("nvidia-cuda-mps-control", "exit 0")
        let partition = Partition(contexts: 4, streams: 1, oversubscription: 1)
        let daris = try program("daris", "echo \"$* $CUDA_MPS_ACTIVE_THREAD_PERCENTAGE\" >> \(calls); echo 3 1 2")
        let proof = try SMMapProof.measureUnderMPS(
            gpu: 0, partition: partition, program: daris, control: control, driver: gpu.path)
        #expect(proof.found == [[3, 1, 2], [3, 1, 2], [3, 1, 2], [3, 1, 2]])
        #expect(proof.promised.map(\.count) == [35, 35, 35, 35] && proof.exceeded.isEmpty)
        let called = try String(contentsOfFile: calls, encoding: .utf8)
        #expect(called == String(repeating: "worker --sm-map 0 26\n", count: 4))

        let greedy = try program("greedy", "seq 0 131")
        let exceeded = try SMMapProof.measureUnderMPS(
            gpu: 0, partition: partition, program: greedy, control: control, driver: gpu.path
        ).exceeded
        #expect(exceeded.count == 4 && exceeded[3] == "context 3 is bounded to 35 SMs, but ran on 132")

        let broken = try program("broken", "echo 'error: no device' >&2; exit 1")
        let error = #expect(throws: PreparationError.self) {
            try SMMapProof.measureUnderMPS(
                gpu: 0, partition: partition, program: broken, control: control, driver: gpu.path)
        }
        #expect(error?.description.contains("a process under MPS found no SMs: error: no device") == true)
    }
}
