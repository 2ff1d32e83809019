import ArgumentParser
import CUDADriver
import DarisCore
import DarisRuntime
import Foundation
import ONNXRuntime

/// `daris doctor`.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Show what this machine offers, and what is missing.",
        discussion: """
            Exit code 0 if task sets can be run here, 1 if not.

            With --sm-map: parts a GPU into green contexts, shows on which SMs each runs, and proves it with a kernel. \
            Exit code 0 if it is proven.
            """)

    @Flag(help: "Show and prove on which SMs green contexts run.")
    var smMap = false
    @Option(help: ArgumentHelp("With --sm-map: the number of contexts (4).", valueName: "n"))
    var contexts: Int?
    @Option(help: ArgumentHelp("With --sm-map: from 1, disjoint (1), to the number of contexts.", valueName: "x"))
    var oversubscription: Double?
    @Option(help: ArgumentHelp("With --sm-map: the GPU, as the driver counts (0).", valueName: "n"))
    var gpu: Int?

    func run() throws {
        if smMap { return try showSMMap() }
        guard contexts == nil, oversubscription == nil, gpu == nil else {
            throw Failure.usage("--contexts, --oversubscription and --gpu go with --sm-map")
        }
        try showMachine()
    }

    private func showSMMap() throws {
        let contexts = contexts ?? 4
        let oversubscription = oversubscription ?? 1
        guard (1...Partition.limit).contains(contexts) else {
            throw Failure.usage("--contexts must be from 1 to \(Partition.limit)")
        }
        guard (1...Double(contexts)).contains(oversubscription) else {
            throw Failure.usage("--oversubscription must be from 1 to the number of contexts, \(contexts)")
        }
        let report: SMMapReport
        do throws(CUDAError) {
            report = try SMMapReport(
                gpu: gpu ?? 0,
                partition: Partition(contexts: contexts, streams: 1, oversubscription: oversubscription))
        } catch {
            throw Failure(message: "the SM map needs a GPU with green contexts: \(error)", exitCode: 1)
        }
        try Terminal.print(report.text)
        if !report.isProven { throw ExitCode(1) }
    }

    private func showMachine() throws {
        var lines: [String] = []
        func say(_ line: String) { lines.append(line) }

        let rights = SystemRights.probe()
        let cores = rights.processors
        say("processor      \(CPUFacts.name)")
        say("cores          \(cores.count) usable by this process (\(cores.map(String.init).joined(separator: ", ")))")
        if let quota = rights.quota {
            say("CPU quota      \(CPUQuota.text(quota)) from the control group, of which whole ones are used")
        }
        say("core affinity  threads can be tied to cores")
        say(
            "real time      "
                + (rights.fifo ? "SCHED_FIFO is allowed" : "no right to SCHED_FIFO (CAP_SYS_NICE or 'ulimit -r')"))
        say("memory lock    " + (rights.memoryLock ? "allowed" : "limited (CAP_IPC_LOCK or 'ulimit -l unlimited')"))
        let cache = CacheFolder.standard()
        say("cache          " + (cache.notice ?? cache.path))
        var runtime: ONNXRuntimeLibrary?
        do throws(ONNXRuntimeError) {
            let library = try ONNXRuntimeLibrary.open()
            runtime = library
            say("ONNX Runtime   \(library.version) from \(library.path), \(library.origin.rawValue)")
            for problem in library.passedOver { say("               not used: \(problem)") }
            say("               providers: \(library.providers.joined(separator: ", "))")
            if library.version != ONNXRuntimeLibrary.testedVersion {
                say("               Daris is tested with \(ONNXRuntimeLibrary.testedVersion)")
            }
        } catch {
            say("ONNX Runtime   \(error)")
        }
        lines += GPUReport.lines(runtime: runtime)
        try Terminal.print(lines.joined(separator: "\n"))
        if runtime == nil { throw ExitCode(1) }
    }
}
