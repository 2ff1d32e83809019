import ArgumentParser
import DarisCheck
import DarisConfiguration
import DarisCore
import DarisReport
import DarisRuntime
import Foundation

/// `daris profile MODEL`.
struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "Measure a model's stages, alone and under full load.",
        discussion: """
            Under full load (AFET) a stage is repeated on one lane while every other lane runs stages of the same model for \
            other tasks.

            With --output the stages are measured in several partitions of the device instead, alone by the quota of SMs (or \
            cores) and beside busy neighbours, and written as a profile for 'daris calibrate'.

            Examples:
              daris profile model.onnx --stages 4 --contexts 2
              daris profile model.onnx --stages 4 --device cuda --output profile.json
            """)

    @OptionGroup var arguments: ModelArguments
    @Option(help: ArgumentHelp("cpu, or cuda (cuda:1 for the second GPU).", valueName: "name"))
    var device = DeviceKind.cpu.name
    @Option(
        help: ArgumentHelp("Measure several partitions and write a profile for 'daris calibrate'.", valueName: "file"))
    var output: String?
    @Option(help: ArgumentHelp("Number of contexts.", valueName: "n"))
    var contexts = 2
    @Option(help: ArgumentHelp("Number of streams in each context.", valueName: "n"))
    var streams = 1
    @Option(help: ArgumentHelp("From 1 to the number of contexts.", valueName: "x"))
    var oversubscription = 1.0
    @Option(help: ArgumentHelp("Inferences a job.", valueName: "n"))
    var batch = 1
    @Flag(help: "Measure again.")
    var fresh = false
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let declaration = try arguments.declaration()
        let period = try arguments.shortestPeriod()
        guard (1...256).contains(batch) else { throw Failure.usage("--batch: \(batch) is outside 1 to 256") }
        if let output { return try writeProfile(of: declaration, to: output) }
        var taskSet = TaskSet(
            source: "profile", partition: Partition(contexts: 1, streams: 1, oversubscription: 1),
            models: [declaration],
            tasks: [])
        do {
            try taskSet.apply(
                .init(device: device, contexts: contexts, streams: streams, oversubscription: oversubscription))
        } catch {
            throw Failure.usage(error)
        }
        taskSet.tasks = (0..<max(2, taskSet.partition.lanes)).map { index in
            TaskDeclaration(
                name: "task-\(index)", model: declaration.name, period: period, priority: .low, batch: batch,
                arrival: .sporadic())
        }
        let prepared = try Preparation.prepareShowingSteps(taskSet, fresh: fresh)
        prepared.device.shutDown()
        let afet = prepared.configuration.tasks[0].afet
        if json {
            let result = ProfileResult(
                model: declaration.name, device: prepared.plan.device, partition: taskSet.partition, batch: batch,
                stages: zip(prepared.models[0].stages, afet).map {
                    .init(aloneMs: $0.measured.inMilliseconds, afetMs: $1.inMilliseconds, nodes: $0.nodes)
                })
            try Terminal.print(try Terminal.json(result))
            return
        }
        try Terminal.print(
            "\(declaration.name) on \(prepared.plan.device), \(contexts) × \(streams) lanes, batch \(batch)")
        try Terminal.print(StageTable.text(prepared.models[0], afet: afet))
        for note in prepared.plan.notes { try Terminal.print("note: \(note)") }
    }

    /// Measures the model in several partitions, as `daris gpu-check` does.
    private func writeProfile(of model: ModelDeclaration, to path: String) throws {
        guard [DeviceKind.cpu, .cuda].contains(DeviceKind.named(device)) else {
            throw Failure.usage("--device: '\(device)' cannot be measured; use cpu, cuda, cuda:1, …")
        }
        var table = TextTable([
            .text("partition"), .number("quota"), .number("busy neighbours"), .number("all stages, ms"),
            .number("longest, ms"),
        ])
        let cache = CacheFolder.standard(isFresh: fresh)
        let profiler = StageProfiler(device: device, batch: batch, cache: cache) { Terminal.step($0) }
        defer { Terminal.endProgress() }
        do {
            let (profile, notes) = try profiler.profile(of: model) { record in
                table.append([
                    SweepConfiguration(record.kind, record.partition).label, "\(record.quota)", "\(record.neighbours)",
                    Figure.milliseconds(record.stageMs.reduce(0, +)), Figure.milliseconds(record.stageMs.max() ?? 0),
                ])
            }
            Terminal.endProgress()
            try OutputFolder.write(ResultsFolder.encoded(profile), to: path)
            if json {
                try Terminal.print(String(decoding: ResultsFolder.encoded(profile), as: UTF8.self))
                return
            }
            try Terminal.print(table.text(styling: Terminal.styling))
            for text in notes { try Terminal.print("note: \(text)") }
            try Terminal.print("\(path) written; 'daris calibrate \(path) --output card.json' makes a device of it")
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure.failed(error)
        }
    }

    private struct ProfileResult: Encodable {
        struct Stage: Encodable {
            var aloneMs: Double
            var afetMs: Double
            var nodes: Int
        }
        var model: String
        var device: String
        var partition: Partition
        var batch: Int
        var stages: [Stage]
    }
}
