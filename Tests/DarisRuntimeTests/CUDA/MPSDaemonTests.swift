import DarisCore
import Foundation
import Testing

@testable import DarisRuntime

@Suite("The MPS daemon")
struct MPSDaemonTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func program(_ script: String) throws -> String {
        try folder.program("nvidia-cuda-mps-control", script)
    }

    private var journal: String { folder.path + "/journal" }
    private var lines: [String] {
        ((try? String(contentsOfFile: journal, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    @Test("it runs in the foreground with folders of its own, and is stopped and cleared away through the same folders")
    func life() throws {
        let daemon = try MPSDaemon(
            gpu: 2, uuid: "GPU-1", control: try folder.mpsControl(journal: journal), root: folder.path)
        let folder = daemon.folder.path
        let process = try String(contentsOfFile: folder + "/pid", encoding: .utf8)
        #expect(FileManager.default.fileExists(atPath: folder + "/pipe") && isAlive(process))
        let environment = daemon.environment(percentage: 34)
        #expect(environment["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] == "34")
        #expect(environment["CUDA_MPS_PIPE_DIRECTORY"] == folder + "/pipe")
        #expect(environment["CUDA_VISIBLE_DEVICES"] == "GPU-1" && daemon.clientGPU == 0)
        #expect(environment["CUDA_DEVICE_MAX_CONNECTIONS"] == "2")
        daemon.stop()
        #expect(!FileManager.default.fileExists(atPath: folder) && !isAlive(process))
        #expect(lines.contains("-f|\(folder)/pipe|\(folder)/log|GPU-1|"))
        #expect(lines.last == "|\(folder)/pipe|\(folder)/log|GPU-1|quit -t 5")
        let old = try MPSDaemon(
            gpu: 2, uuid: nil, control: try self.folder.mpsControl(journal: journal), root: self.folder.path)
        #expect(old.clientGPU == 2 && old.environment(percentage: 1)["CUDA_VISIBLE_DEVICES"] == nil)
    }

    @Test("one that nobody stops is stopped when it is let go of")
    func forgotten() throws {
        var path = ""
        var process: String?
        do {
            let daemon = try MPSDaemon(
                gpu: 0, uuid: nil, control: try folder.mpsControl(journal: journal), root: folder.path)
            path = daemon.folder.path
            process = try String(contentsOfFile: path + "/pid", encoding: .utf8)
        }
        #expect(!FileManager.default.fileExists(atPath: path) && !isAlive(process))
        #expect(lines.last?.hasSuffix("|quit -t 5") == true)
    }

    @Test("the folder of a dead process is told to quit and removed; one in use, and one of nobody's, stay")
    func abandoned() throws {
        let inUse = try MPSFolder.make(in: folder.path)
        defer { inUse.remove() }
        // As it is left by a process that was killed: the lock is gone with it.
        let left = folder.path + "/daris-mps-1-2"
        let foreign = left + "x"
        for path in [left, foreign] {
            try FileManager.default.createDirectory(atPath: path + "/pipe", withIntermediateDirectories: true)
        }
        _ = FileManager.default.createFile(atPath: left + "/owner", contents: nil)
        let daemon = try MPSDaemon(
            gpu: 0, uuid: nil, control: try folder.mpsControl(journal: journal), root: folder.path)
        daemon.stop()
        #expect(!FileManager.default.fileExists(atPath: left))
        #expect(FileManager.default.fileExists(atPath: foreign) && FileManager.default.fileExists(atPath: inUse.path))
        #expect(lines.contains { $0.hasPrefix("|\(left)/pipe|") && $0.hasSuffix("|quit -t 5") })
    }

    @Test("what the daemon says when it ends at once is the error, and nothing is left behind")
    func failure() throws {
        let said = "An instance of this daemon is already running"
        let control = try program(
            "echo \"$CUDA_MPS_PIPE_DIRECTORY\" > \(journal); echo '\(said)' >&2; sleep 0.1; exit 1")
        let error = #expect(throws: PreparationError.self) {
            try MPSDaemon(gpu: 1, uuid: nil, control: control, root: folder.path)
        }
        #expect(
            error?.description
                == "device cuda:1: the MPS daemon did not start: \(said); use 'partition: {kind: green}', which needs "
                + "no daemon")
        #expect(!FileManager.default.fileExists(atPath: try #require(lines.first)))
    }

    @Test("a control program that cannot be run is an error, and nothing is left behind")
    func unusable() throws {
        let error = #expect(throws: PreparationError.self) {
            try MPSDaemon(gpu: 0, uuid: nil, control: folder.path + "/none", root: folder.path)
        }
        #expect(error?.description.contains("/none cannot be run: No such file or directory") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("a control program that hangs is killed, and so is a daemon that does not answer")
    func hanging() throws {
        func failure(_ script: String) throws -> String {
            let control = try program("echo $$ >> \(journal); " + script)
            let error = #expect(throws: PreparationError.self) {
                try MPSDaemon(gpu: 0, uuid: nil, control: control, limit: .milliseconds(300), root: folder.path)
            }
            return error?.description ?? ""
        }
        #expect(try failure("exec sleep 1000").contains("had not ended after 0 s, and was killed"))
        let deaf = "trap '' TERM; case \"$*\" in -f) exec sleep 1000;; esac; echo 'no daemon' >&2; exit 1"
        #expect(try failure(deaf).contains("it did not answer within 0 s: no daemon"))
        #expect(lines.count > 3)
        for process in lines {
            for _ in 0..<2_000 where isAlive(process) { usleep(1_000) }
            #expect(!isAlive(process))
        }
    }

    @Test("without the control program the error says what else there is")
    func missing() throws {
        #expect(MPSDaemon.findControl(path: "\(folder.path)/none:/nowhere") == nil)
        let control = try program("exit 0")
        #expect(MPSDaemon.findControl(path: "/nowhere:\(folder.path)") == control)
    }

    @Test("a client has a hardware queue for each of its streams and one more, not the eight of a process alone")
    func queues() {
        #expect([1, 2, 8, 40].map { GPUSetup.queues(lanes: $0, isUnderMPS: true) } == [2, 3, 9, 32])
        #expect([1, 2, 9, 40].map { GPUSetup.queues(lanes: $0, isUnderMPS: false) } == [8, 8, 9, 32])
    }

    @Test("percentages give at least the quota", arguments: [(1, 1.0, 100), (6, 1, 17), (6, 6, 100), (4, 2, 50)])
    func percentages(contexts: Int, oversubscription: Double, expected: Int) {
        let partition = Partition(contexts: contexts, streams: 1, oversubscription: oversubscription)
        #expect(MPSDaemon.percentage(partition, multiprocessors: 132) == expected)
    }
}
