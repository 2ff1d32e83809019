import DarisCore
import Foundation
import Testing

@testable import DarisRuntime

@Suite("The MPS daemon")
struct MPSDaemonTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A control program that writes down how it was called.
    private func control(_ script: String) throws -> String {
        let path = folder.path + "/nvidia-cuda-mps-control"
        try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    @Test("it is started with folders of its own, and stopped and cleared away through the same folders")
    func life() throws {
        let journal = folder.path + "/journal"
        let control = try control(
            "echo \"$*|$CUDA_MPS_PIPE_DIRECTORY|$CUDA_MPS_LOG_DIRECTORY|$(cat)\" >> \(journal)")
        let daemon = try MPSDaemon(gpu: 0, control: control)
        #expect(FileManager.default.fileExists(atPath: daemon.folder + "/pipe"))
        let environment = daemon.environment(percentage: 34)
        #expect(environment["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] == "34")
        #expect(environment["CUDA_MPS_PIPE_DIRECTORY"] == daemon.folder + "/pipe")
        daemon.stop()
        #expect(!FileManager.default.fileExists(atPath: daemon.folder))
        let lines = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n").map(String.init)
        let folders = "\(daemon.folder)/pipe|\(daemon.folder)/log"
        #expect(lines == ["-d|\(folders)|", "|\(folders)|quit"])
    }

    @Test("what the control program says when it fails is the error, and nothing is left behind")
    func failure() throws {
        let control = try control("echo 'An instance of this daemon is already running' >&2; exit 1")
        let error = #expect(throws: PreparationError.self) { try MPSDaemon(gpu: 1, control: control) }
        #expect(
            error?.description
                == "device cuda:1: the MPS daemon did not start: An instance of this daemon is already running; use "
                + "'partition: {kind: green}', which needs no daemon")
    }

    @Test("without the control program the error says what else there is")
    func missing() throws {
        #expect(MPSDaemon.findControl(path: "\(folder.path)/none:/nowhere") == nil)
        let control = try control("exit 0")
        #expect(MPSDaemon.findControl(path: "/nowhere:\(folder.path)") == control)
    }

    @Test("percentages give at least the quota", arguments: [(1, 1.0, 100), (6, 1, 17), (6, 6, 100), (4, 2, 50)])
    func percentages(contexts: Int, oversubscription: Double, expected: Int) {
        let partition = Partition(contexts: contexts, streams: 1, oversubscription: oversubscription)
        #expect(MPSDaemon.percentage(partition, multiprocessors: 132) == expected)
    }
}
