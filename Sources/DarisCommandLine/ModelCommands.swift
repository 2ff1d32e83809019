import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisONNX
import DarisReport
import DarisRuntime
import Foundation

/// `daris model list` and `daris model NAME`.
struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "List the built-in networks, or write one as an ONNX file.",
        discussion: """
            The networks of the paper, built here with seeded random weights: they take the same time as trained ones, and \
            nothing needs to be downloaded.

              daris model list
              daris model resnet18 -o resnet18.onnx
            """)

    @Argument(help: "list, or the name of a network.")
    var name: String
    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write (default: NAME.onnx).", valueName: "file"))
    var output: String?
    @Option(help: ArgumentHelp("Seed of the weights.", valueName: "n"))
    var seed: UInt64 = 1

    func run() throws {
        if name == "list" {
            for network in ReferenceNetwork.allCases {
                try Terminal.print(
                    network.rawValue.padding(toLength: 14, withPad: " ", startingAt: 0) + network.summary)
            }
            return
        }
        guard let network = ReferenceNetwork(rawValue: name) else {
            let known = ReferenceNetwork.allCases.map(\.rawValue).joined(separator: ", ")
            let suggestion = Spelling.suggestion(for: name, among: ReferenceNetwork.allCases.map(\.rawValue))
            throw Failure.usage("there is no built-in network '\(name)';\(suggestion) there are \(known)")
        }
        let path = output ?? "\(name).onnx"
        do {
            try network.build(seed: seed).write(path: path)
        } catch {
            throw Failure.failed(error)
        }
        try Terminal.print("\(network.summary); written to \(path)")
    }
}

/// `daris split MODEL`.
struct SplitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Cut a model into stages of about equal time.",
        discussion: """
            Writes stage-0.onnx … and stages.json (order, tensors, measured times, bytes carried) into a folder. Run one \
            after the other, the stages compute what the model computes. In half precision (--precision fp16) weights and \
            the tensors between nodes take half the bytes; inputs and outputs stay, and agree with the model's to 1 %.

            Example: daris split model.onnx --stages 3 -o stages
            """)

    @OptionGroup var arguments: ModelArguments
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The folder to write to, created if missing (default: MODEL-stages).", valueName: "folder"))
    var output: String?
    @Option(
        help: ArgumentHelp(
            "fp16: convert the model to half precision first, as 'gpu: {precision: fp16}' does.", valueName: "name"))
    var precision: String?
    @Flag(help: "Measure again.")
    var fresh = false
    @Flag(help: "Print stages.json instead of a table.")
    var json = false

    func run() throws {
        let declaration = try arguments.declaration()
        let period = try arguments.shortestPeriod()
        guard precision == nil || precision == GPUOptions.Precision.fp16.rawValue else {
            throw Failure.usage(
                "--precision: models are only converted to fp16, not to '\(precision ?? "")'; leave it out for stages in "
                    + "the model's own precision")
        }
        let folder = output ?? "\(declaration.name)-stages"
        // Before measuring, so that nothing is measured in vain.
        let isNew = try OutputFolder.make(folder)
        let staged: StagedModel
        do {
            staged = try Preparation.stage(
                declaration, shortestPeriod: period, fresh: fresh, isHalf: precision != nil
            ) { Terminal.step($0) }
        } catch {
            if isNew { rmdir(folder) }
            throw Failure.failed(error)
        }
        Terminal.endProgress()
        do {
            try staged.copy(to: folder)
        } catch {
            throw Failure(message: "cannot write to the folder \(folder): \(error.localizedDescription)", exitCode: 1)
        }
        if json {
            let manifest = try String(contentsOfFile: folder + "/stages.json", encoding: .utf8)
            try Terminal.print(manifest.trimmingCharacters(in: .newlines))
            return
        }
        try Terminal.print(StageTable.text(staged, afet: nil))
        for note in staged.notes { try Terminal.print("note: \(note)") }
        try Terminal.print("written to \(folder)/")
    }
}

/// The stages of a model as a table.
enum StageTable {
    static func text(_ model: StagedModel, afet: [Nanoseconds]?) -> String {
        var table = TextTable([
            .number("stage"), .number("nodes"), .number("alone, ms"), .number("full load, ms"),
            .number("carried out, KiB"),
            .text("tensors carried out"),
        ])
        func milliseconds(_ time: Nanoseconds) -> String { String(format: "%.2f", time.inMilliseconds) }
        for (index, stage) in model.stages.enumerated() {
            let carried = stage.outputs.filter { !model.outputs.contains($0) }
            table.append([
                "\(index)", "\(stage.nodes)", milliseconds(stage.measured), afet.map { milliseconds($0[index]) } ?? "-",
                "\(stage.bytesCarried / 1024)", carried.joined(separator: " "),
            ])
        }
        let alone = model.stages.reduce(Nanoseconds.zero) { $0 + $1.measured }
        table.append([
            "sum", "\(model.stages.reduce(0) { $0 + $1.nodes })", milliseconds(alone),
            afet.map { milliseconds($0.reduce(.zero, +)) } ?? "-", "", "",
        ])
        return table.text(styling: Terminal.styling)
    }
}
