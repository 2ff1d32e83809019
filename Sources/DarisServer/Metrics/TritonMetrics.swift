import DarisCore

/// Triton's metrics of models, under its names, for dashboards and scalers that know those. Times are in microseconds.
///
/// As in its statistics, a request is one inference and one execution, whatever batch its model has.
struct TritonMetrics {
    let models: [ServedModel]

    func add(to text: inout PrometheusText) {
        let figures = models.map { (model: $0, figures: $0.statistics.figures) }
        func family(
            _ name: String, _ help: String, kind: PrometheusText.Kind = .counter,
            _ value: (ServedModel, ModelStatistics.Figures) -> Int
        ) {
            text.family(name, kind, help)
            for (model, figures) in figures {
                text.sample(value(model, figures), ["model": model.name, "version": model.version])
            }
        }
        family("nv_inference_request_success", "Requests answered with outputs.") { $1.success.count }
        family("nv_inference_request_failure", "Requests answered with an error.") { $1.fail.count }
        family("nv_inference_count", "Inferences.") { $1.success.count }
        family("nv_inference_exec_count", "Executions.") { $1.success.count }
        family("nv_inference_request_duration_us", "From requests' arrivals to their answers, of those with outputs.") {
            Self.microseconds($1.success.time)
        }
        family(
            "nv_inference_queue_duration_us", "From requests' arrivals until the scheduler was given their jobs."
        ) { Self.microseconds($1.queue.time) }
        family("nv_inference_compute_infer_duration_us", "From then to the jobs' ends.") {
            Self.microseconds($1.compute.time)
        }
        family("nv_inference_pending_request_count", "Requests that wait.", kind: .gauge) { model, _ in
            [model.own, model.other].reduce(0) { $0 + ($1?.load.waiting ?? 0) }
        }
    }

    private static func microseconds(_ time: Nanoseconds) -> Int { Int(time.rawValue / 1_000) }
}
