import ONNXRuntime
import Synchronization

/// The options of one lane's runs, which can end the present one, or all.
final class RunSwitch: Sendable {
    private enum State {
        case on
        /// The present run ends; the next one begins as usual.
        case currentEnds
        case allEnd
    }

    private let options: RunOptions
    private let state = Mutex(State.on)
    private let isOn = Atomic(true)

    init(library: ONNXRuntimeLibrary) throws(ONNXRuntimeError) { options = try RunOptions(library: library) }

    /// The options for the run that begins now.
    func begin() -> RunOptions {
        if !isOn.load(ordering: .relaxed) {
            state.withLock { state in
                if case .currentEnds = state { set(.on, &state) }
            }
        }
        return options
    }

    /// Has the present run end.
    func endCurrent() {
        state.withLock { state in
            if case .on = state { set(.currentEnds, &state) }
        }
    }

    /// Has every run end, until `resume`.
    func endAll() { state.withLock { set(.allEnd, &$0) } }

    /// Takes that back.
    func resume() { state.withLock { set(.on, &$0) } }

    private func set(_ new: State, _ state: inout State) {
        state = new
        if case .on = new { try? options.resume() } else { try? options.terminate() }
        isOn.store({ if case .on = new { true } else { false } }(), ordering: .relaxed)
    }
}
